//! What a command line asks for, once it is known to be good.

use std::pin::Pin;

use crate::connect::Settings;
use crate::exit::Failure;
use crate::output::Output;
use crate::stop::Stop;

/// What a command works with.
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) out: Output,
    pub(crate) stop: Stop,
}

type Work = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// Work that only has to be done.
pub(crate) struct Job(Box<dyn FnOnce(Session) -> Work>);

impl Job {
    /// Work that sees to signals itself, and to results being written.
    pub(crate) fn new(work: impl AsyncFnOnce(Session) -> Result<(), Failure> + 'static) -> Self {
        Self(Box::new(move |session| Box::pin(async move { work(session).await })))
    }

    /// Work that a signal breaks off.
    pub(crate) fn brief(
        work: impl AsyncFnOnce(&Settings, &mut Output) -> Result<(), Failure> + 'static,
    ) -> Self {
        Self::new(async move |session| {
            let Session { settings, mut out, stop } = session;
            stop.unless(async {
                work(&settings, &mut out).await?;
                Ok(out.flush()?)
            })
            .await
        })
    }

    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        (self.0)(session).await
    }
}

/// The commands at one place of the command line: what may be written there, each by its own type.
///
/// Such a type has `resolve`, which makes of it what is known to be good, and that has `run`.
macro_rules! verbs {
    ($(#[$outer:meta])* $vis:vis enum $Verb:ident { $($(#[$attribute:meta])* $name:ident: $Syntax:ty,)* }) => {
        $(#[$outer])*
        #[derive(Debug, clap::Subcommand)]
        $vis enum $Verb {
            $($(#[$attribute])* #[command(after_help = $crate::syntax::EXIT_CODES)] $name($Syntax),)*
        }

        impl $Verb {
            pub(crate) fn resolve(self) -> Result<$crate::command::Job, $crate::exit::Failure> {
                match self {
                    $(Self::$name(syntax) => {
                        let task = syntax.resolve()?;
                        Ok($crate::command::Job::new(async move |session| task.run(session).await))
                    })*
                }
            }
        }
    };
}
pub(super) use verbs;
