//! The macros that write configurations: each field once, with its documentation, and the builder of the same name.

/// A struct whose fields are all optional on the wire, with a builder a field.
///
/// After each field comes the kind of its builder: `flag`, `text`, `texts`, `list(T)`, `plain(T)`, `some(T)`, or
/// `none`.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident {
            $(
                $(#[doc = $doc:literal])*
                $(#[serde($($serde:tt)*)])?
                $field:ident: $ty:ty => $kind:ident $(($arg:ty))?,
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        #[non_exhaustive]
        pub struct $Name {
            $(
                $(#[doc = $doc])*
                #[serde(skip_serializing_if = "crate::js::api::wire::unset" $(, $($serde)*)?)]
                pub $field: $ty,
            )*
            /// Fields that this version does not know, as the server sent them; they are sent back.
            #[serde(flatten)]
            pub extra: serde_json::Map<String, serde_json::Value>,
        }

        impl $Name {
            $(setter! { $kind $(($arg))? $field $(#[doc = $doc])* })*
        }
    };
}

macro_rules! setter {
    (none $field:ident $(#[doc = $doc:literal])*) => {};
    (flag $field:ident $(#[doc = $doc:literal])*) => {
        $(#[doc = $doc])*
        #[must_use]
        pub fn $field(mut self, $field: bool) -> Self {
            self.$field = $field;
            self
        }
    };
    (text $field:ident $(#[doc = $doc:literal])*) => {
        $(#[doc = $doc])*
        #[must_use]
        pub fn $field(mut self, $field: impl Into<String>) -> Self {
            self.$field = Some($field.into());
            self
        }
    };
    (texts $field:ident $(#[doc = $doc:literal])*) => {
        $(#[doc = $doc])*
        #[must_use]
        pub fn $field<T: Into<String>>(mut self, $field: impl IntoIterator<Item = T>) -> Self {
            self.$field = $field.into_iter().map(Into::into).collect();
            self
        }
    };
    (list($ty:ty) $field:ident $(#[doc = $doc:literal])*) => {
        $(#[doc = $doc])*
        #[must_use]
        pub fn $field(mut self, $field: impl IntoIterator<Item = $ty>) -> Self {
            self.$field = $field.into_iter().collect();
            self
        }
    };
    (plain($ty:ty) $field:ident $(#[doc = $doc:literal])*) => {
        $(#[doc = $doc])*
        #[must_use]
        pub fn $field(mut self, $field: $ty) -> Self {
            self.$field = $field;
            self
        }
    };
    (some($ty:ty) $field:ident $(#[doc = $doc:literal])*) => {
        $(#[doc = $doc])*
        #[must_use]
        pub fn $field(mut self, $field: $ty) -> Self {
            self.$field = Some($field);
            self
        }
    };
}

/// An enum of words, the first of which is the default. A word that this version does not know is kept.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident {
            $(#[doc = $first_doc:literal])+ $First:ident = $first:literal,
            $($(#[doc = $doc:literal])+ $Variant:ident = $word:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Name {
            $(#[doc = $first_doc])+
            #[default]
            $First,
            $($(#[doc = $doc])+ $Variant,)*
            /// One that this version does not know.
            Unknown(Box<str>),
        }

        impl $Name {
            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    Self::$First => $first,
                    $(Self::$Variant => $word,)*
                    Self::Unknown(word) => word,
                }
            }
        }

        impl From<&str> for $Name {
            fn from(word: &str) -> Self {
                match word {
                    $first => Self::$First,
                    $($word => Self::$Variant,)*
                    word => Self::Unknown(word.into()),
                }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(crate::js::api::wire::WordVisitor::new())
            }
        }
    };
}
