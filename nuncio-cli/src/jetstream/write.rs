//! Making and changing streams and consumers by a configuration of options.

use std::fmt::Debug;
use std::marker::PhantomData;

use clap::Args;
use nuncio::jetstream::FieldChange;

use crate::command::Job;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::change::{self, Outcome};
use crate::jetstream::target::Target;
use crate::output::Output;

/// What was done, and the fields that differ; nothing where the server does not say.
pub(crate) type Done = Option<(Outcome, Vec<FieldChange>)>;

/// A target that has a configuration.
pub(crate) trait Configured: Target {
    type Options: Args + Debug;
    /// Options that are known to be good.
    type Wanted: 'static;

    fn wanted(options: Box<Self::Options>) -> Result<Self::Wanted, Failure>;
    /// Makes it as wanted.
    async fn add(&self, settings: &Settings, wanted: &Self::Wanted) -> Result<Option<Self::Info>, Failure>;
    /// Changes what is wanted, and leaves the rest.
    async fn edit(&self, settings: &Settings, wanted: &Self::Wanted) -> Result<Done, Failure>;
    /// Makes it, or changes what is not as wanted.
    async fn ensure(&self, settings: &Settings, wanted: &Self::Wanted) -> Result<Done, Failure>;
}

/// What is done with a target and a configuration.
pub(crate) enum Verb {
    Add,
    Edit,
    Ensure,
}

/// A verb as a type, so that each has a syntax of its own.
pub(crate) trait Writing: Debug + 'static {
    const VERB: Verb;
}

#[derive(Debug)]
pub(crate) struct Add;

#[derive(Debug)]
pub(crate) struct Edit;

#[derive(Debug)]
pub(crate) struct Ensure;

impl Writing for Add {
    const VERB: Verb = Verb::Add;
}

impl Writing for Edit {
    const VERB: Verb = Verb::Edit;
}

impl Writing for Ensure {
    const VERB: Verb = Verb::Ensure;
}

fn tell<T: Target>(target: &T, done: Done, out: &mut Output) -> Result<(), Failure> {
    let Some((outcome, changes)) = done else { return Ok(()) };
    change::show(&target.named(), outcome, changes, out)
}

// Without a documentation that would take the place of that of the verb.
#[derive(Args, Debug)]
pub(crate) struct Write<V: Writing, T: Configured> {
    #[command(flatten)]
    which: T,
    #[command(flatten)]
    options: Box<T::Options>,
    #[arg(skip)]
    verb: PhantomData<V>,
}

impl<V: Writing, T: Configured> Write<V, T> {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let (which, wanted) = (self.which, T::wanted(self.options)?);
        Ok(Job::brief(async move |settings, out| match V::VERB {
            Verb::Add => {
                let made = which.add(settings, &wanted).await?;
                made.map_or(Ok(()), |info| Ok(out.show(&info)?))
            }
            Verb::Edit => tell(&which, which.edit(settings, &wanted).await?, out),
            Verb::Ensure => tell(&which, which.ensure(settings, &wanted).await?, out),
        }))
    }
}
