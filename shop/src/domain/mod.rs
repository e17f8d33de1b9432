//! The domain: products, stock, carts, prices, orders, customers. Plain types and pure rules without I/O, clock or randomness,
//! independent of stores and HTTP.

mod account;
mod address;
mod cart;
mod charge;
mod color;
mod country;
mod derived_sku;
mod destination;
mod error;
mod ids;
mod line;
mod mail;
mod money;
mod names;
mod order;
mod order_number;
mod order_step;
mod page;
mod payment;
mod picture;
mod price_change;
mod pricing;
mod product;
mod product_draft;
mod product_text;
mod refund;
mod reversal;
mod search;
mod settings;
mod shipping;
mod stock;
mod tax;
mod time_zone;
mod token;
mod tracking;

pub use account::{Customer, EmailAddress, EmailChange, EmailState, PasswordReset, Role, Session};
pub use address::{Address, AddressFields, OrderDetails, SavedAddress};
pub use cart::{Cart, CartLine, CartOwner, MAX_CART_LINES, MAX_LINE_QUANTITY, Quantity};
pub use charge::ChargeLimits;
pub use color::Color;
pub use country::{Country, CountryCode, PostalCodes, Region};
pub use derived_sku::derive_skus;
pub use destination::{Destination, DestinationFields};
pub use error::{RuleError, ValueRule};
pub use ids::{
    AddressId, CartId, CustomerId, LineItemId, OrderId, OutboxMessageId, PaymentId, ProductId, RefundId, SessionId,
    VariantId,
};
pub use line::{is_unprintable, line, lines};
pub use mail::{MailId, UndeliveredMail};
pub use money::{AmountError, Currency, Money, MoneyError};
pub use names::{BrandImage, Field, Format, MailKind, Subject};
pub use order::{FulfillmentEvent, FulfillmentState, Order, OrderEvent, OrderLine, OrderState, OrderSummary};
pub use order_number::OrderNumber;
pub use order_step::{OrderStep, PaymentCall, StockEffect};
pub use page::{Page, PageLimit, Position};
pub use payment::{BANK_TRANSFER, HOSTED_PAGE, Payment, PaymentFact, PaymentKind, PaymentState};
pub use picture::{Picture, PictureProblem};
pub use price_change::PriceChange;
pub use pricing::{PricedLine, PricingRules, Quote, QuoteLine, QuotedOffer, TaxLine, quote};
pub use product::{
    Category, Handle, Image, Inventory, Product, ProductOption, ProductSort, ProductStatus, ProductSummary, Sku,
    Variant, slug,
};
pub use product_draft::{DraftOf, ProductDraft, VariantDraft};
pub use product_text::{description_html, is_invisible, optional_text, over_https, plain_text};
pub use refund::{
    Dispute, DisputeState, Refund, RefundSource, RefundState, ReportedRefund, ReportedRefundState, Reversals,
};
pub use search::{Language, SearchQuery, SearchTerms, SearchWord, Tokenizer, fold};
pub use settings::{
    Branding, Contact, Footer, FooterLink, HomePage, ImageFormat, LegalPage, LegalPages, MAX_PAGE_CHARS,
    MAX_UPLOAD_BYTES, PageKind, Selling, Settings, UploadedImage, ValuePath, is_web_address,
};
pub use shipping::{ShippingMethod, ShippingOffer, ShippingRate, ShippingTable, ShippingTerms, WeightBand};
pub use stock::{Reservation, StockChange, StockLevel};
pub use tax::{TaxClass, TaxRate, TaxTable};
pub use time_zone::TimeZone;
pub use token::{Token, hex};
pub use tracking::Tracking;
