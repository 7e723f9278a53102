//! The binary: reads the settings, opens the rooms, and turns what they say into exit codes (contract §8).
mod cli;
mod nightly;

use clap::{CommandFactory, FromArgMatches};
use cli::{At, Cli, Command, Targets, Topics};
use kangyang::config::{self, Settings};
use kangyang::contract::Contract;
use kangyang::error::{Context, Error, Exit, Result};
use kangyang::lake::{Lake, compact, ingest, vacuum};
use kangyang::log::{Log, produce, targets, topics};
use kangyang::models::engine::{Answer, sweep};
use kangyang::models::{Engine, Opening, Period, Pin, Pinned, marts};
use kangyang::reports::recipients::Recipient;
use kangyang::reports::verify::{self, Claim};
use kangyang::reports::{self, close};
use kangyang::table::{self, Format, Printer, Stdout, say};
use kangyang::tree::Tree;
use kangyang::{demo, telemetry};
use std::fmt::Display;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    telemetry::logs();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if matches!(cli.command, Command::Ingest { .. }) {
        // Each thread keeps the memory of the largest thing it ever held; ingest has one commit at a time to serve.
        builder.max_blocking_threads(8);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            complain(format!("threads can't be started: {e}"));
            return ExitCode::from(Exit::Failed.code());
        }
    };
    let code = match run(cli, &runtime) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&e);
            ExitCode::from(e.exit().code())
        }
    };
    // A write that hangs on dead storage must not keep the process from ending with its error told.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

/// Tells it on standard error, or nobody if that is closed.
fn complain(what: impl Display) {
    let _ = writeln!(std::io::stderr(), "kangyang: {what}");
}

fn config_path() -> Option<PathBuf> {
    let mut args = std::env::args_os().skip(1);
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        if text == "--config" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = text.strip_prefix("--config=") {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os("KANGYANG_CONFIG").map(PathBuf::from)
}

fn parse() -> Result<Cli, ExitCode> {
    let usage = |e: Error| {
        complain(e);
        ExitCode::from(Exit::Usage.code())
    };
    let named = config_path();
    let path = named.clone().unwrap_or_else(|| PathBuf::from("./kangyang.toml"));
    let file = config::read(&path, named.is_some()).map_err(usage)?;
    let command = file.apply(Cli::command(), &path).map_err(usage)?;
    let shown = |e: clap::Error| {
        let _ = e.print();
        ExitCode::from(if e.use_stderr() { Exit::Usage.code() } else { 0 })
    };
    let matches = command.try_get_matches().map_err(shown)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(shown)?;
    cli.settings = cli.settings.completed(file);
    Ok(cli)
}

fn run(cli: Cli, runtime: &tokio::runtime::Runtime) -> Result<()> {
    let settings = cli.settings;
    let schemas = Tree::schemas(settings.schemas.as_deref())?;
    let contract = Arc::new(Contract::compile(&schemas)?);
    if let Some(addr) = settings.metrics_addr {
        let _inside = runtime.enter();
        telemetry::serve(addr)?;
    }
    match cli.command {
        Command::Demo { seed, trainees } => demo::run(&settings, contract, &schemas, runtime.handle(), demo::Size { seed, trainees }),
        Command::Topics(Topics::Create) => {
            let made = runtime.block_on(topics::create(&Log::new(&settings)?))?;
            say(if made.is_empty() { "all topics were there, as they must be".into() } else { format!("made {}", made.join(", ")) })
        }
        Command::Targets(Targets::Load { file, revises }) => {
            let sent = targets::load(&Log::new(&settings)?, contract, &file, &revises)?;
            say(format!("{} targets sent, {} withdrawn", sent.targets, sent.withdrawn))
        }
        Command::Produce { file, strict } => {
            let counts = produce::file(&Log::new(&settings)?, contract, &file, strict)?;
            say(format!("{} events sent, {} lines refused", counts.sent, counts.refused))?;
            if counts.refused > 0 { Err(Error::refused(format!("{} lines were refused", counts.refused))) } else { Ok(()) }
        }
        Command::Ingest { until_caught_up, accept_loss } => {
            let s = take_in(&settings, &contract, runtime, stop_on_signal(runtime), until_caught_up, accept_loss)?;
            say(format!("{} messages read, {} events and {} rejects committed in {} commits", s.messages, s.rows, s.rejects, s.commits))
        }
        Command::Compact => runtime.block_on(async {
            let root = existing(&settings)?;
            let mut lake = Lake::open(&root).await?;
            let done = compact::compact(&mut lake).await?;
            say(format!("{} files became {}, {} rows", done.files.0, done.files.1, done.rows))
        }),
        Command::Verify { manifests } => runtime.block_on(verify(&settings, &contract, &schemas, &manifests, cli.format)),
        Command::Vacuum { retain } => runtime.block_on(async {
            let root = existing(&settings)?;
            let mut lake = Lake::open(&root).await?;
            let gone = vacuum::vacuum(&mut lake, retain).await?;
            sweep(&root)?;
            reports::sweep(&root)?;
            let size = bytesize::ByteSize(gone.bytes);
            say(format!("{} files of the tables and {} of their logs removed, {size}", gone.files, gone.log))
        }),
        Command::Build(at) => runtime.block_on(async {
            let (_, built) = build(&settings, &contract, &schemas, &existing(&settings)?, &at).await?;
            let place = settings.data().trim_end_matches('/');
            built.iter().try_for_each(|b| say(format!("{place}/marts/{}.parquet: {} rows", b.name, b.rows)))
        }),
        Command::Check(at) => runtime.block_on(async {
            let root = existing(&settings)?;
            let (mut engine, _) = open(&settings, &contract, &root, &at).await?;
            let bad = engine.checks().await?;
            for f in &bad {
                say(format!("{}: {}", f.model.name, f.model.sentence))?;
                print(cli.format, &f.first)?;
                say(if f.rows > f.first.rows() {
                    format!("the first {} of {} rows", f.first.rows(), f.rows)
                } else {
                    format!("{} rows", f.rows)
                })?;
            }
            if bad.is_empty() {
                return say("all checks hold");
            }
            Err(Error::refused(format!("{} checks do not hold", bad.len())))
        }),
        Command::Report { period, at, provisional, bundle, recipient } => runtime.block_on(async {
            let root = existing(&settings)?;
            let queries = Tree::queries(settings.queries.as_deref())?;
            let (mut engine, pinned) = open(&settings, &contract, &root, &at).await?;
            if pinned.provisional && !provisional {
                let hint = "let ingest see the log's end a minute after the as-of date, or publish with --provisional";
                return Err(Error::new("report would be provisional: events before the as-of date may still be missing").hint(hint));
            }
            let plan = plan(&settings, &mut engine).await?;
            let period = Period::new(&plan, &period)?;
            let recipient = recipient.map(|code| Recipient::find(&contract, &code)).transpose()?;
            if let Some(to) = recipient.as_ref().filter(|_| bundle) {
                reports::bundle::suits(to)?;
            }
            let request = reports::Request {
                recipient,
                period: &period,
                pinned: &pinned,
                contract: &contract,
                schemas: &schemas,
                queries: &queries,
                root: &root,
            };
            let done = reports::publish(&mut engine, &request).await?;
            say(done.text)?;
            say(format!(
                "{} {}",
                if done.new { "published" } else { "nothing new, published before:" },
                place(&settings, &root, &done.dir).display()
            ))?;
            if bundle {
                let b = reports::bundle::write(&mut engine, &request, &done.dir).await?;
                let what = if b.new { "bundled" } else { "nothing new, bundled before:" };
                say(format!("{what} {}, SHA-256 {}", place(&settings, &root, &b.path).display(), b.sha256))?;
            }
            Ok(())
        }),
        Command::Nightly { date } => nightly::run(&settings, &contract, &schemas, runtime, date),
        Command::Explain(e) => runtime.block_on(async {
            let root = existing(&settings)?;
            let mut engine = open_built(&settings, &contract, &schemas, &root, &e.at).await?;
            if let Some(period) = &e.period {
                let plan = plan(&settings, &mut engine).await?;
                engine.set_period(&Period::new(&plan, period)?)?;
            }
            let found = reports::explain::explain(&mut engine, &e.question()).await?;
            if cli.format != Format::Table {
                return if e.beside { print(cli.format, &found.beside(&mut engine).await?) } else { print(cli.format, &found.units) };
            }
            say(&found.title)?;
            print(cli.format, &found.units)?;
            let beside = found.beside(&mut engine).await?;
            say(format!("\nBeside it, not counted: {}", beside.rows()))?;
            if beside.rows() > 0 { print(cli.format, &beside) } else { Ok(()) }
        }),
        Command::Close { period, signer } => runtime.block_on(async {
            let (log, root) = (Log::new(&settings)?, existing(&settings)?);
            let (mut engine, pinned) = open(&settings, &contract, &root, &At::default()).await?;
            let act = close::Act { period: &period, signer: &signer };
            let closing = close::closing(&mut engine, &pinned, &root, &act, settings.plan.as_deref()).await?;
            close::close(&log, contract.clone(), &act, &closing)?;
            let report = place(&settings, &root, &closing.report);
            say(format!("{signer} signed {} as revision {} of {period}, digest {}", report.display(), closing.revision, closing.digest))?;
            say(UNTIL_TAKEN_IN)
        }),
        Command::Reopen { period, signer, reason } => runtime.block_on(async {
            let (log, root) = (Log::new(&settings)?, existing(&settings)?);
            let (mut engine, _) = open(&settings, &contract, &root, &At::default()).await?;
            let act = close::Act { period: &period, signer: &signer };
            let revision = close::reopen(&mut engine, &log, contract.clone(), &act, &reason).await?;
            say(format!("{signer} opened {period} again after revision {revision}"))?;
            say(UNTIL_TAKEN_IN)
        }),
        Command::Sql { query, file, at } => runtime.block_on(async {
            let sql = match (query, file) {
                (Some(q), _) => q,
                (None, Some(f)) => std::fs::read_to_string(&f).context(|| format!("file {} can't be read", f.display()))?,
                (None, None) => return Err(Error::usage("no query is given").hint("kangyang sql \"SELECT …\", or kangyang sql -f FILE")),
            };
            let root = existing(&settings)?;
            let mut engine = open_built(&settings, &contract, &schemas, &root, &at).await?;
            let mut rows = engine.rows(&sql).await?;
            let mut out = BufWriter::new(Stdout);
            let mut printer = Printer::new(cli.format, rows.schema.clone(), &mut out)?;
            while let Some(batch) = rows.next().await? {
                printer.write(&batch)?;
                if Stdout::closed() {
                    break;
                }
            }
            printer.finish()
        }),
    }
}

/// What a closing and a reopening end with.
const UNTIL_TAKEN_IN: &str = "it counts once it is taken in: kangyang ingest --until-caught-up";

/// A folder below the data root, as the user named that.
fn place(settings: &Settings, root: &Path, dir: &Path) -> PathBuf {
    dir.strip_prefix(root).map_or_else(|_| dir.to_owned(), |p| Path::new(settings.data()).join(p))
}

/// The data root of a command that reads. Error: there is none.
fn existing(settings: &Settings) -> Result<PathBuf> {
    let hint = "fill a lake with: kangyang ingest, or see one with: kangyang demo";
    std::fs::canonicalize(settings.data())
        .map_err(|e| Error::new(format!("data root {} can't be found", settings.data())).detail(e).hint(hint))
}

async fn open(settings: &Settings, contract: &Arc<Contract>, root: &Path, at: &At) -> Result<(Engine, Pinned)> {
    let queries = Tree::queries(settings.queries.as_deref())?;
    let mut lake = Lake::open(root).await?;
    let pinned = match (&at.pin, at.as_of) {
        (Some(pin), _) => pin.clone().checked(&mut lake).await?,
        (None, Some(t)) => Pin::as_of(&mut lake, &contract.lake_schema(), t).await?,
        (None, None) => Pin::newest(&mut lake).await?,
    };
    let memory = settings.memory_limit.unwrap_or_else(config::half_of_memory);
    let engine = Engine::open(&Opening { lake: &lake, contract, queries: &queries, pinned: &pinned, memory, scratch: root }).await?;
    if pinned.provisional {
        complain("provisional: the log's end was not seen a minute after the as-of date, events before it may still be missing");
    }
    Ok((engine, pinned))
}

/// The same with the marts at hand that are built already for this pin, if there are.
async fn open_built(settings: &Settings, contract: &Arc<Contract>, schemas: &Tree, root: &Path, at: &At) -> Result<Engine> {
    let (mut engine, pinned) = open(settings, contract, root, at).await?;
    let inputs = marts::inputs(&Tree::queries(settings.queries.as_deref())?, schemas);
    marts::built(&mut engine, &root.join("marts"), &pinned, &inputs)?;
    Ok(engine)
}

fn print(format: Format, answer: &Answer) -> Result<()> {
    table::print(format, &answer.schema, &answer.batches, &mut BufWriter::new(Stdout))
}

/// Makes each report again at its own pin. Errors (exit 3): one does not agree; else (exit 1): one can't be made.
async fn verify(settings: &Settings, contract: &Arc<Contract>, schemas: &Tree, manifests: &[PathBuf], format: Format) -> Result<()> {
    let queries = Tree::queries(settings.queries.as_deref())?;
    let mut out = BufWriter::new(Stdout);
    let mut table = Printer::new(format, verify::schema(), &mut out)?;
    let (mut differing, mut failed) = (vec![], vec![]);
    for path in manifests {
        let checked = async {
            let claim = Claim::read(path)?;
            let root = if settings.data.is_some() { existing(settings)? } else { claim.root()? };
            let (mut engine, pinned) = open(settings, contract, &root, &At { pin: Some(claim.pin()?), as_of: None }).await?;
            let (period, pinned) = (claim.period()?, claim.pinned(pinned.pin)?);
            let recipient = claim.recipient().map(|code| Recipient::find(contract, code)).transpose()?;
            let request =
                reports::Request { recipient, period: &period, pinned: &pinned, contract, schemas, queries: &queries, root: &root };
            let found = claim.compare(&reports::make(&mut engine, &request).await?)?;
            Ok::<_, Error>((claim, found))
        };
        match checked.await {
            // Rows alone go to stdout where a program reads them.
            Ok((claim, found)) if found.is_empty() && format == Format::Table => say(claim.agreed())?,
            Ok((claim, found)) if found.is_empty() => complain(claim.agreed()),
            Ok((_, found)) => {
                table.write(&verify::rows(path, &found)?)?;
                differing.push(format!("{}: {}", path.display(), verify::told(&found)));
            }
            Err(e) if manifests.len() == 1 => return Err(e),
            Err(e) => failed.push(format!("{}: {e}", path.display())),
        }
    }
    if !differing.is_empty() || format != Format::Table {
        table.finish()?;
    }
    if !failed.is_empty() {
        return Err(Error::new(format!("{} of {} reports can't be made again", failed.len(), manifests.len())).detail(failed.join("; ")));
    }
    if differing.is_empty() {
        return Ok(());
    }
    let list = differing.join("; ");
    let error = Error::refused(match manifests.len() {
        1 => "report is not what its pin gives".to_owned(),
        all => format!("{} of {all} reports are not what their pins give", differing.len()),
    });
    let hint = "where input_differs, give the SQL and reference data of the publication with --queries and --schemas";
    let error = if list.contains("input_differs") { error.hint(hint) } else { error };
    Err(error.detail(list))
}

/// Takes the log into the lake, which is made if there is none.
fn take_in(
    settings: &Settings,
    contract: &Arc<Contract>,
    runtime: &tokio::runtime::Runtime,
    stop: Arc<AtomicBool>,
    until_caught_up: bool,
    accept_loss: bool,
) -> Result<ingest::Summary> {
    let log = Log::new(settings)?;
    let root = config::folder(settings.data())?;
    let lake = runtime.block_on(Lake::create(&root, contract, &settings.topic_prefix))?;
    let options = ingest::Options {
        group: settings.group.clone(),
        interval: settings.commit_interval,
        bytes: settings.commit_bytes,
        until_caught_up,
        accept_loss,
        stop,
    };
    ingest::ingest(&log, contract.clone(), lake, runtime.handle(), options)
}

/// Builds the marts; the engine still has them at hand.
async fn build(settings: &Settings, contract: &Arc<Contract>, schemas: &Tree, root: &Path, at: &At) -> Result<(Engine, Vec<marts::Built>)> {
    let (mut engine, pinned) = open(settings, contract, root, at).await?;
    let dir = root.join("marts");
    let inputs = marts::inputs(&Tree::queries(settings.queries.as_deref())?, schemas);
    let mut built = marts::build(&mut engine, &dir).await?;
    marts::note(&dir, &pinned, &inputs, &built)?;
    built.retain(|b| !b.kept);
    Ok((engine, built))
}

/// `--plan`, or the only one. Error (usage): there are several, or none.
async fn plan(settings: &Settings, engine: &mut Engine) -> Result<String> {
    let plans = engine.plans().await?;
    match (&settings.plan, plans.as_slice()) {
        (Some(p), all) if all.contains(p) => Ok(p.clone()),
        (Some(p), all) => Err(Error::usage(format!("there is no plan {p}")).hint(format!("plans with targets: {}", all.join(", ")))),
        (None, [one]) => Ok(one.clone()),
        (None, []) => Err(Error::new("no plan has targets")
            .hint("load an allocation table: kangyang targets load FILE.csv; as of a date before that there is none")),
        (None, all) => Err(Error::usage("there is more than one plan").hint(format!("choose with --plan: {}", all.join(", ")))),
    }
}

/// Set at SIGTERM or Ctrl-C; a second one ends the process.
fn stop_on_signal(runtime: &tokio::runtime::Runtime) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    runtime.spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else { return };
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        flag.store(true, Ordering::Relaxed);
        tracing::info!("stopping: what was read is being committed");
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        std::process::exit(130);
    });
    stop
}
