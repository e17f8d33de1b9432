//! A category in the list of all categories.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;

use super::{Stored, Version};

#[derive(Serialize, Deserialize)]
pub(crate) struct Category {
    v: Version<1>,
    handle: domain::Handle,
    title: String,
}

impl Stored for domain::Category {
    const KIND: &'static str = "category";
    type Document = Category;
}

impl From<&domain::Category> for Category {
    fn from(category: &domain::Category) -> Self {
        Self { v: Version, handle: category.handle.clone(), title: category.title.clone() }
    }
}

impl From<Category> for domain::Category {
    fn from(category: Category) -> Self {
        Self { handle: category.handle, title: category.title }
    }
}
