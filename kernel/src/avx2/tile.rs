//! Tiles of blocked products: 6 rows by 2 registers, so that 12 sums, a part of the panel and a value fit the 16 registers.

use std::arch::x86_64::*;

use super::super::blocked::{PANEL, Tile, tiled};

tiled!("avx2,fma", 6, 2, 8, __m256, _mm256_setzero_ps(), _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps, _mm256_add_ps);
