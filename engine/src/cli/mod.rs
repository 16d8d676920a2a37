//! The command line: arguments in, exit codes out.

mod alert_explained;
mod archive;
mod args;
mod audit;
mod check;
mod coverage;
mod evidence;
mod explain;
mod files;
mod hold;
mod init;
mod intel;
mod matching;
mod output;
mod parse;
mod prove;
mod query;
mod regenerated;
mod replay;
mod rules;
mod run;
mod search;
mod sources;
mod stats;
mod testing;
mod verdict;
mod witness;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Arguments, Command, EvidenceCommand, RulesCommand};
pub(crate) use files::{format_of, now_ns, uptime, zone_of};
pub(crate) use rules::escape_lines;

/// How a command ended, as the exit code says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// 0: done.
    Done,
    /// 1: hits or alerts with `--fail-on-hit`, warnings of `check`, failed tests, or refused rules under `--keep-going`.
    Findings,
    /// 2: a rule was refused.
    RuleRefused,
    /// 3: config or usage.
    Usage,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        ExitCode::from(match outcome {
            Outcome::Done => 0,
            Outcome::Findings => 1,
            Outcome::RuleRefused => 2,
            Outcome::Usage => 3,
        })
    }
}

/// Whether a command writes records, or keys that vouch for them.
fn keeps_evidence(command: &Command) -> bool {
    matches!(
        command,
        Command::Run(_)
            | Command::Query(_)
            | Command::Search(_)
            | Command::Hunt(_)
            | Command::Verify(_)
            | Command::Archive(_)
            | Command::Prove(_)
            | Command::Audit(_)
            | Command::Evidence(_)
            | Command::Witness(_)
    )
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Outcome::Usage.into() } else { Outcome::Done.into() };
        }
    };
    if keeps_evidence(&arguments.command) {
        // What they write is for their user alone, whatever the shell or the service has set.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    }
    let result = match arguments.command {
        Command::Init(args) => init::init(&args),
        Command::Run(args) => run::run(&args, arguments.color),
        Command::Parse(args) => parse::parse(&args, arguments.color),
        Command::Match(args) => matching::matching(&args, arguments.color),
        Command::Replay(args) if args.verify => regenerated::verify(&args),
        Command::Replay(args) => replay::replay(&args, arguments.color),
        Command::Test(args) => testing::testing(&args, arguments.color),
        Command::Check(args) => check::check(&args, arguments.color),
        Command::Explain(args) => match &args.alert {
            Some(id) => alert_explained::explain(&args, id, arguments.color),
            None => verdict::verdict(&args, arguments.color),
        },
        Command::Rules(RulesCommand::Coverage(args)) => coverage::coverage(&args, arguments.color),
        Command::Query(args) => query::query(&args, arguments.color),
        Command::Search(args) => search::search(&args, arguments.color),
        Command::Hunt(args) => search::hunt(&args, arguments.color),
        Command::Hold(command) => hold::hold(&command, arguments.color),
        Command::Archive(command) => archive::archive(&command),
        Command::Verify(args) => prove::verify(&args),
        Command::Prove(args) => prove::prove(&args),
        Command::VerifyProof(args) => prove::verify_proof(&args),
        Command::Evidence(EvidenceCommand::Pack(args)) => evidence::pack(&args),
        Command::Evidence(EvidenceCommand::Verify(args)) => evidence::verify(&args),
        Command::Ledger(args) => stats::ledger(&args, arguments.color),
        Command::Stats(args) => stats::stats(&args, arguments.color),
        Command::Audit(args) => audit::audit(&args, arguments.color),
        Command::Intel(args) => intel::intel(&args, arguments.color),
        Command::Sources(args) => sources::sources(&args, arguments.color),
        Command::Witness(command) => witness::witness(&command),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "noroshi", &mut std::io::stdout());
            Ok(Outcome::Done)
        }
        Command::Man => clap_mangen::Man::new(Arguments::command())
            .render(&mut std::io::stdout())
            .map(|()| Outcome::Done)
            .map_err(anyhow::Error::from),
    };
    match result {
        Ok(outcome) => outcome.into(),
        // A reader that went away (`| head`) is no fault of ours.
        Err(error) if is_broken_pipe(&error) => Outcome::Done.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            Outcome::Usage.into()
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
