//! The addresses that customers save in their accounts.

use async_trait::async_trait;

use super::{Caller, LocalShop};
use crate::domain::{
    Address, AddressFields, AddressId, Country, Customer, Field, RuleError, SavedAddress, Subject, ValueRule,
};
use crate::{ShopError, ShopResult};

/// Most addresses of an account: all of them are part of one record.
const MAX_ADDRESSES: usize = 20;

/// Requests the addresses of the signed-in customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListAddresses;

/// Saves a new address in the account of the signed-in customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddAddress {
    /// The address, in any country.
    pub address: Address,
    /// Whether checkout starts with it. The first address always is the default.
    pub is_default: bool,
}

/// Replaces an address of the signed-in customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceAddress {
    /// ID of the address.
    pub id: AddressId,
    /// The new address, in any country.
    pub address: Address,
    /// Whether checkout starts with it.
    pub is_default: bool,
}

/// Removes an address of the signed-in customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveAddress {
    /// ID of the address.
    pub id: AddressId,
}

/// The addresses of an account. Orders contain copies, which never change.
#[async_trait]
pub trait Addresses: Send + Sync {
    /// The addresses of the signed-in customer, oldest first.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`].
    async fn list_addresses(&self, caller: &Caller, command: ListAddresses) -> ShopResult<Vec<SavedAddress>>;

    /// Saves a new address.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`]; [`ShopError::Rules`] for the address, and if the account has 20 addresses.
    async fn add_address(&self, caller: &Caller, command: AddAddress) -> ShopResult<SavedAddress>;

    /// Replaces an address.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`]; [`ShopError::NotFound`] (`address`); [`ShopError::Rules`] for the address.
    async fn replace_address(&self, caller: &Caller, command: ReplaceAddress) -> ShopResult<SavedAddress>;

    /// Removes an address; also succeeds if it does not exist.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`].
    async fn remove_address(&self, caller: &Caller, command: RemoveAddress) -> ShopResult<()>;
}

#[async_trait]
impl Addresses for LocalShop {
    async fn list_addresses(&self, caller: &Caller, _: ListAddresses) -> ShopResult<Vec<SavedAddress>> {
        Ok(self.require_customer(caller).await?.addresses)
    }

    async fn add_address(&self, caller: &Caller, command: AddAddress) -> ShopResult<SavedAddress> {
        let customer = self.require_customer(caller).await?;
        let address = self.checked(command.address).await?;
        let id = AddressId::from_ulid(self.ids.ulid());
        let added = SavedAddress { id: id.clone(), address, is_default: false };
        let changed = self.change_customer(&customer.id, |customer| {
            if customer.addresses.len() >= MAX_ADDRESSES {
                return Err(RuleError::invalid(Field::Address, ValueRule::Count { max: MAX_ADDRESSES }).into());
            }
            customer.addresses.push(added.clone());
            set_default(customer, &id, command.is_default || customer.addresses.len() == 1);
            Ok(())
        });
        address_of(changed.await?, &id)
    }

    async fn replace_address(&self, caller: &Caller, command: ReplaceAddress) -> ShopResult<SavedAddress> {
        let customer = self.require_customer(caller).await?;
        let address = self.checked(command.address).await?;
        let changed = self.change_customer(&customer.id, |customer| {
            let saved = customer.addresses.iter_mut().find(|saved| saved.id == command.id).ok_or_else(not_found)?;
            saved.address.clone_from(&address);
            set_default(customer, &command.id, command.is_default);
            Ok(())
        });
        address_of(changed.await?, &command.id)
    }

    async fn remove_address(&self, caller: &Caller, command: RemoveAddress) -> ShopResult<()> {
        let customer = self.require_customer(caller).await?;
        let changed = self.change_customer(&customer.id, |customer| {
            customer.addresses.retain(|saved| saved.id != command.id);
            Ok(())
        });
        changed.await.map(|_| ())
    }
}

impl LocalShop {
    /// Validates an address as checkout does for shipping, but in any country: it may be a billing address.
    async fn checked(&self, address: Address) -> ShopResult<Address> {
        let tax = &self.settings().await?.pricing.tax;
        let region = Country::find(address.country).map(|country| tax.region(country, address.region.as_deref()));
        match (address.validated(AddressFields::SAVED), region.transpose()) {
            (Ok(address), Ok(region)) => Ok(Address { region: region.flatten(), ..address }),
            (address, region) => {
                let region = region.err().map(|rule| RuleError::invalid(Field::AddressRegion, rule));
                Err(address.err().into_iter().flatten().chain(region).collect::<Vec<_>>().into())
            }
        }
    }
}

/// Makes an address the only default, or not the default.
fn set_default(customer: &mut Customer, id: &AddressId, is_default: bool) {
    for saved in &mut customer.addresses {
        saved.is_default = if saved.id == *id { is_default } else { saved.is_default && !is_default };
    }
}

fn address_of(customer: Customer, id: &AddressId) -> ShopResult<SavedAddress> {
    customer.addresses.into_iter().find(|saved| saved.id == *id).ok_or_else(not_found)
}

fn not_found() -> ShopError {
    ShopError::NotFound { subject: Subject::Address }
}
