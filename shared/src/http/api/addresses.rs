//! The addresses of an account.

use serde::{Deserialize, Serialize};
use shopease_shop::domain::{self, AddressId};
use shopease_shop::services::{self, ListAddresses, RemoveAddress};
use utoipa::ToSchema;

use super::endpoint::{NoContent, created, endpoints, no_content, ok};
use super::order::Address;
use super::parts::{Json, NoQuery, Parts, Wire, without_body};
use super::text;
use super::wire::{Out, mirror};
use crate::http::problem::Problem;

/// An address of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavedAddress {
    /// ID of the address.
    #[schema(value_type = text::AddressId)]
    pub id: AddressId,
    /// The address.
    pub address: Address,
    /// Whether checkout starts with it. At most one address of an account is the default.
    pub is_default: bool,
}
mirror!(SavedAddress of domain::SavedAddress { id, address, is_default });

/// The addresses of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressBook {
    /// The addresses, oldest first.
    pub addresses: Vec<SavedAddress>,
}

impl Out for AddressBook {
    type Value = Vec<domain::SavedAddress>;

    fn of(value: Self::Value) -> Self {
        Self { addresses: Out::of(value) }
    }

    fn value(self) -> Self::Value {
        self.addresses.value()
    }
}

/// Saves an address in an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "address": {"name": "Ada Lovelace", "line1": "Gartenweg 3", "city": "Berlin", "postal_code": "10115", "country": "DE"},
    "is_default": true
}))]
pub struct SaveAddress {
    /// The address, in any country.
    pub address: Address,
    /// Whether checkout starts with it. The first address of an account always is the default.
    #[serde(default)]
    pub is_default: bool,
}

impl Wire for services::AddAddress {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<SaveAddress>;

    fn read(Parts { body: Json(body), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { address: body.address.value(), is_default: body.is_default })
    }

    fn write(self) -> Parts<Self> {
        let body = SaveAddress { address: Address::of(self.address), is_default: self.is_default };
        Parts::of_body(Json(body))
    }
}

impl Wire for services::ReplaceAddress {
    type Path = AddressId;
    type Query = NoQuery;
    type Body = Json<SaveAddress>;

    fn read(Parts { path, body: Json(body), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { id: path, address: body.address.value(), is_default: body.is_default })
    }

    fn write(self) -> Parts<Self> {
        let body = SaveAddress { address: Address::of(self.address), is_default: self.is_default };
        Parts { path: self.id, query: NoQuery {}, body: Json(body), key: None }
    }
}

without_body!(ListAddresses);
without_body!(RemoveAddress, id: AddressId);

endpoints! {
    Addresses in addresses, area Accounts, tag "accounts";

    /// List the addresses of the signed-in customer, oldest first.
    get "/api/v1/accounts/me/addresses" => list_addresses(ListAddresses) for caller -> AddressBook {
        Ordinary, ok, [(200, "The addresses."), (401, "Not signed in.")]
    }

    /// Save a new address in the account of the signed-in customer.
    post "/api/v1/accounts/me/addresses" => add_address(services::AddAddress) for caller -> SavedAddress {
        Ordinary, created, [(201, "The address."), (401, "Not signed in.")]
    }

    /// Replace an address of the signed-in customer. Orders keep the address that they were placed with.
    put "/api/v1/accounts/me/addresses/{id}" => replace_address(services::ReplaceAddress) for caller -> SavedAddress {
        Ordinary, ok, [(200, "The address."), (401, "Not signed in."), (404, "The customer has no such address.")]
    }

    /// Remove an address of the signed-in customer.
    delete "/api/v1/accounts/me/addresses/{id}" => remove_address(RemoveAddress) for caller -> NoContent {
        Ordinary, no_content, [(204, "The customer does not have the address any more."), (401, "Not signed in."), (404, "The ID is malformed.")]
    }
}
