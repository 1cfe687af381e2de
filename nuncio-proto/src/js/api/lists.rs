//! Pages of streams and consumers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::consumer::ConsumerInfo;
use super::paging::Page;
use super::stream::StreamInfo;
use super::wire::nullable;

macro_rules! list {
    ($(#[$meta:meta])* $Name:ident, $field:ident: $Item:ty, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        #[non_exhaustive]
        pub struct $Name {
            /// Where this page lies.
            #[serde(flatten)]
            pub page: Page,
            #[doc = concat!("The ", $what, " of this page.")]
            #[serde(deserialize_with = "nullable")]
            pub $field: Vec<$Item>,
            /// Those that did not answer in time.
            #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
            pub missing: Vec<String>,
            /// Those that the servers cannot serve, because they need newer ones for example, with the reason. Since
            /// 2.12.
            #[serde(deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
            pub offline: BTreeMap<String, String>,
        }
    };
}

list! {
    /// A page of names of streams.
    StreamNamesPage, streams: String, "names"
}
list! {
    /// A page of streams. In a cluster the metadata of a listed stream holds less of the server's own than its info does.
    StreamListPage, streams: StreamInfo, "streams"
}
list! {
    /// A page of names of consumers.
    ConsumerNamesPage, consumers: String, "names"
}
list! {
    /// A page of consumers.
    ConsumerListPage, consumers: ConsumerInfo, "consumers"
}
