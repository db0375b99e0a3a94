use std::time::Instant;
use torre::*;
fn rng(s: &mut u64) -> f32 {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    (*s >> 40) as f32 / (1u64 << 24) as f32 - 0.5
}
fn vec64(s: &mut u64) -> Vec<f32> {
    (0..64).map(|_| rng(s)).collect()
}
fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let path = &args[2];
    if args[1] == "build" {
        let db = Database::create(path)?;
        for name in ["a", "b"] {
            let c = db.create_collection(name, CollectionOptions::vectors(64, Metric::Cosine))?;
            let mut s = 88172645463325252u64;
            for chunk in 0..100 {
                c.upsert_many((0..1000u64).map(|i| Item::new(chunk * 1000 + i).unwrap().with_vector(vec64(&mut s))))?;
            }
            c.build(&BuildOptions::default(), &NoProgress)?;
            if name == "b" {
                c.upsert_many((0..300u64).map(|i| Item::new(200_000 + i).unwrap().with_vector(vec64(&mut s))))?;
            }
            println!("{:?}", c.stats()?);
        }
        return Ok(());
    }
    let db = Database::open_read_only(path)?;
    let mut s = 99u64;
    let queries: Vec<Vec<f32>> = (0..20_000).map(|_| vec64(&mut s)).collect();
    let mut out = Vec::new();
    for name in ["a", "b"] {
        let c = db.collection(name)?;
        let mut time = |label: &str, f: &dyn Fn(&[f32]) -> usize| {
            for q in queries.iter().take(2000) {
                std::hint::black_box(f(q));
            }
            let mut t = Vec::with_capacity(queries.len());
            for q in &queries {
                let start = Instant::now();
                std::hint::black_box(f(q));
                t.push(start.elapsed().as_nanos() as f64 / 1e3);
            }
            t.sort_by(f64::total_cmp);
            out.push(format!("{name}/{label} p25 {:.2} p50 {:.2}", t[5000], t[10_000]));
        };
        time("nprobe1", &|q| c.search(q).unsampled().nprobe(1).run().unwrap().hits.len());
        time("nprobe16", &|q| c.search(q).unsampled().nprobe(16).run().unwrap().hits.len());
        time("exclude", &|q| c.search(q).unsampled().nprobe(4).exclude(["1", "777", "5000"]).run().unwrap().hits.len());
        let mut best = f64::INFINITY;
        for _ in 0..8 {
            let start = Instant::now();
            for chunk in queries[..8192].chunks(256) {
                std::hint::black_box(c.search_many(chunk.iter().map(Vec::as_slice)).unsampled().nprobe(4).run()?);
            }
            best = best.min(start.elapsed().as_secs_f64() * 1e6 / 8192.0);
        }
        out.push(format!("{name}/batch {best:.2}"));
    }
    println!("{}", out.join(" | "));
    Ok(())
}
