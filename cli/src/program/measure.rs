//! `bench` and `demo`: they need no database of the caller's.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::Args;

use super::print;
use super::progress::Bar;
use crate::bench::{self, BenchArgs, BenchError};
use crate::repl::Failure;

/// What to measure. Lines are JSON with or without `--json`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Bench {
    #[command(flatten)]
    args: BenchArgs,
    /// Answer in JSON, as it does anyway
    #[arg(long, hide = true)]
    json: bool,
}

pub(super) fn bench(command: &Bench) -> ExitCode {
    match bench::run(&command.args, &Bar::new(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the lines went away.
        Err(BenchError::Io { source, .. }) if source.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(BenchError::Usage(message)) => print::fail(&Failure::usage(message)),
        Err(error) => print::fail(&Failure::new(error.to_string())),
    }
}

/// Which shop to make.
#[derive(Args, Clone, Debug)]
pub(crate) struct Demo {
    /// Makes the shop
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Number of products
    #[arg(long, value_name = "NUMBER", default_value_t = 20_000)]
    products: usize,
    /// Number of shoppers
    #[arg(long, value_name = "NUMBER", default_value_t = 2_000)]
    shoppers: usize,
    /// Make the database here and keep it [default: a temporary directory]
    #[arg(long, value_name = "DB")]
    keep: Option<std::path::PathBuf>,
    /// Train towers and second stage on this shop, and compare them with those that come with the demo
    #[arg(long, conflicts_with = "rows")]
    train: bool,
    /// Only write the rows that the towers are trained on into this directory
    #[arg(long, value_name = "DIR", hide = true)]
    rows: Option<std::path::PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}
pub(super) fn demo(args: &Demo) -> ExitCode {
    let &Demo { seed, products, shoppers, train, .. } = args;
    let options = crate::demo::Options { seed, products, shoppers, keep: args.keep.clone(), train };
    let report = match &args.rows {
        Some(directory) => crate::demo::write_rows(&options, directory).map(|()| None).map_err(Failure::from),
        None => crate::demo::run(&options, &Bar::new()).map(Some),
    };
    match report {
        Ok(Some(report)) if args.json => print::out(&format!("{}\n", crate::repl::output::to_json(&report))),
        Ok(Some(report)) => print::out(&format!("{}\n", report.to_string().trim_end())),
        Ok(None) => {}
        Err(failure) => return print::fail(&failure),
    }
    ExitCode::SUCCESS
}
