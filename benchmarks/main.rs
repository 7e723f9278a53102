//! Benchmarks: what each stage costs, as CPU per event and as ratios (`benchmarks/README.md` has the runs and their figures).
mod decode;
mod workload;

use kangyang::error::{Error, Result};

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match run(&args) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["decode"] => decode::run(),
        ["events", count] => {
            let count = count.parse().map_err(|_| Error::usage(format!("{count:?} is no number of events")))?;
            workload::write(count, &mut std::io::stdout().lock())
        }
        _ => Err(Error::usage("cargo bench -- decode | events COUNT").hint("events go to standard output, for kangyang produce -")),
    }
}
