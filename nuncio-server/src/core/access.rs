//! Who may connect and what they may do, which can change while they are connected.

use std::sync::Arc;

use nuncio_proto::auth::nkey::PublicKey;
use nuncio_proto::connect::ConnectRequest;
use nuncio_proto::secret::Secret;

use super::Core;
use crate::errors;
use crate::permissions::Compiled;

/// Who may connect and what they may do.
#[derive(Clone, Default)]
pub(crate) struct Access {
    pub(crate) users: Vec<User>,
    /// Public keys, as text and as what verifies signatures.
    pub(crate) nkeys: Vec<(String, PublicKey)>,
    pub(crate) token: Option<Secret>,
    /// The permissions of those who have none of their own.
    pub(crate) permissions: Option<Arc<Compiled>>,
}

/// Somebody who may connect.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: Secret,
    pub(crate) permissions: Option<Arc<Compiled>>,
}

impl Access {
    /// Whether clients must say who they are.
    pub(crate) fn wants_credentials(&self) -> bool {
        !self.users.is_empty() || self.wants_signatures() || self.token.is_some()
    }

    /// Whether clients are given something to sign.
    pub(crate) fn wants_signatures(&self) -> bool {
        !self.nkeys.is_empty()
    }

    /// Whether a client may connect that was given this to sign.
    pub(crate) fn admits(&self, request: &ConnectRequest, nonce: Option<&str>) -> bool {
        if !self.wants_credentials() {
            return true;
        }
        let by_token = self.token.is_some() && self.token == request.auth_token;
        let password = request.pass.as_ref().map_or("", Secret::expose);
        let is_known = |user: &User| {
            Some(user.name.as_str()) == request.user.as_deref() && user.password.expose() == password
        };
        let has_signed = |(text, key): &(String, PublicKey)| {
            let sig = request.sig.as_ref().map_or("", Secret::expose);
            request.nkey.as_ref() == Some(text) && nonce.is_some_and(|nonce| key.verify_nonce(nonce, sig))
        };
        by_token || self.nkeys.iter().any(has_signed) || self.users.iter().any(is_known)
    }

    pub(crate) fn permissions_of(&self, user: Option<&str>) -> Option<Arc<Compiled>> {
        let known = self.users.iter().find(|known| Some(known.name.as_str()) == user);
        known.and_then(|user| user.permissions.clone()).or_else(|| self.permissions.clone())
    }
}

impl Core {
    /// Replaces the permissions of a user, or of those who have none of their own. False if there is no such user.
    pub(crate) fn set_permissions(&mut self, user: Option<&str>, permissions: Compiled) -> bool {
        let permissions = Some(Arc::new(permissions));
        let Some(name) = user else {
            self.access.permissions = permissions;
            self.apply_permissions();
            return true;
        };
        let mut known = self.access.users.iter_mut().filter(|known| known.name == name).peekable();
        let found = known.peek().is_some();
        known.for_each(|known| known.permissions.clone_from(&permissions));
        self.apply_permissions();
        found
    }

    /// Gives all clients what they are entitled to and ends the subscriptions that they may no longer have.
    fn apply_permissions(&mut self) {
        let mut lost = Vec::new();
        for client in self.clients.values_mut().filter(|client| client.closing.is_none()) {
            client.permissions = self.access.permissions_of(client.user.as_deref());
            let Some(rules) = &client.permissions else { continue };
            let mut keys: Vec<u64> = client.sids.values().copied().collect();
            keys.sort_unstable();
            for key in keys {
                let Some(subscription) = self.subscriptions.get_mut(&key) else { continue };
                subscription.filtered = rules.needs_filter(&subscription.subject);
                if !rules.can_subscribe(&subscription.subject, subscription.queue.as_deref()) {
                    lost.push((client.id, key));
                }
            }
        }
        for (id, key) in lost {
            if let Some(subscription) = self.subscriptions.get(&key) {
                let (subject, queue) = (&subscription.subject, subscription.queue.as_deref());
                let text = errors::subscription_lost(subject, queue, &subscription.sid);
                self.complain(id, &text);
            }
            self.unsubscribe(key);
        }
    }
}
