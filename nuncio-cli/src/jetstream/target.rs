//! What is done alike with streams and with consumers.

use clap::Args;
use nuncio::jetstream::Error;

use crate::command::Job;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::Named;
use crate::jetstream::removal::{Removed, forced};
use crate::output::Show;

/// The names of a stream, or of a stream and a consumer, and where they are.
pub(crate) trait Target: Args + 'static {
    /// At the server.
    type Handle;
    type Info: Show;

    fn named(&self) -> Named;
    async fn connect(&self, settings: &Settings) -> Result<Self::Handle, Failure>;
    async fn info(handle: &Self::Handle) -> Result<Self::Info, Error>;
    async fn delete(handle: &Self::Handle) -> Result<(), Error>;
}

// Without a documentation that would take the place of that of the verb.
#[derive(Args, Debug)]
pub(crate) struct Info<T: Target> {
    #[command(flatten)]
    which: T,
}

impl<T: Target> Info<T> {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        Ok(Job::brief(async move |settings, out| {
            let handle = self.which.connect(settings).await?;
            let info = T::info(&handle).await.map_err(|error| self.which.named().about(error))?;
            Ok(out.show(&info)?)
        }))
    }
}

#[derive(Args, Debug)]
pub(crate) struct Rm<T: Target> {
    #[command(flatten)]
    which: T,
    /// Do it: without this nothing is removed.
    #[arg(long)]
    force: bool,
}

impl<T: Target> Rm<T> {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let what = self.which.named();
        forced(self.force, &format!("removing {what}"))?;
        Ok(Job::brief(async move |settings, out| {
            let handle = self.which.connect(settings).await?;
            T::delete(&handle).await.map_err(|error| what.about(error))?;
            Ok(out.show(&Removed::new(&what))?)
        }))
    }
}
