//! Tiles of blocked products: 6 rows by 2 registers, so that 12 sums, a part of the panel and a value fit the 16 registers.

use std::arch::x86_64::*;

use super::super::blocked::{PANEL, Tile, tiled};
use super::super::strided::viewed;
use super::super::stripe::{ABREAST, Stripe, striped};

tiled!(tile, "avx2,fma", 6, 2, 8, __m256, _mm256_setzero_ps(), _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps);
tiled!(low_tile, "avx2,fma", 4, 2, 8, __m256, _mm256_setzero_ps(), _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps);
tiled!(single_tile, "avx2,fma", 1, 4, 8, __m256, _mm256_setzero_ps(), _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps);
striped!("avx2,fma", 2, 4, 8, __m256, _mm256_setzero_ps(), _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps);
viewed!("avx2,fma", 2, 8, __m256, _mm256_setzero_ps(), _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps, _mm256_add_ps);
