//! What the account may use of JetStream, and uses.

use nuncio_proto::js::api::account::AccountInfo;

use crate::jetstream::{Error, JetStream};

impl JetStream {
    /// What the account uses of JetStream and may use, by tier if it has limits of that kind, and the level of the API.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn account_info(&self) -> Result<AccountInfo, Error> {
        self.call(&["INFO"], &()).await
    }
}
