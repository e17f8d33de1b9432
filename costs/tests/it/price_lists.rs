//! Price lists in the two forms that AWS publishes (Price List Bulk API, "Reading the service price list file"): products and terms
//! apart in JSON, one row a price below five lines of metadata in CSV. Made up, in the shape and with the attributes of the real ones.

use std::fmt::Write as _;

use costs::price_book::PriceBook;
use costs::price_book::import::import;
use rust_decimal::{Decimal, dec};
use serde_json::{Map, Value, json};

use crate::bill;

/// A product with its tiers: where each begins, and its price.
struct Product {
    sku: &'static str,
    family: &'static str,
    attributes: &'static [(&'static str, &'static str)],
    tiers: &'static [(&'static str, &'static str, &'static str)],
}

const REGION: (&str, &str) = ("locationType", "AWS Region");

/// A list of every kind of trouble: tiers out of order, other regions, other purchase terms, places that are no regions, products of
/// other engines, prices of nothing.
const PRODUCTS: &[Product] = &[
    Product {
        sku: "7XKQ2MUZAHS4Y5GB",
        family: "Serverless",
        attributes: &[
            ("servicecode", "AWSLambda"),
            ("location", "EU (Ireland)"),
            REGION,
            ("regionCode", "eu-west-1"),
            ("usagetype", "EU-Lambda-GB-Second"),
            ("operation", ""),
            ("group", "AWS-Lambda-Duration"),
        ],
        tiers: &[
            ("15000000000", "Inf", "0.0000140000"),
            ("0", "6000000000", "0.0000180000"),
            ("6000000000", "15000000000", "0.0000160000"),
        ],
    },
    Product {
        sku: "GU2ZS9HVP6QTQ7KE",
        family: "Serverless",
        attributes: &[
            ("servicecode", "AWSLambda"),
            ("location", "US East (N. Virginia)"),
            REGION,
            ("regionCode", "us-east-1"),
            ("usagetype", "Request"),
            ("operation", ""),
            ("group", "AWS-Lambda-Requests"),
        ],
        tiers: &[("0", "Inf", "0.0000002500")],
    },
    Product {
        sku: "8CESGAFWKAJ98PME",
        family: "Compute",
        attributes: &[
            ("servicecode", "AmazonECS"),
            ("location", "US West (Oregon)"),
            REGION,
            ("regionCode", "us-west-2"),
            ("usagetype", "USW2-Fargate-ARM-vCPU-Hours:perCPU"),
            ("operation", ""),
            ("tenancy", "Shared"),
            ("cputype", "perCPU"),
        ],
        tiers: &[("0", "Inf", "0.0330000000")],
    },
    Product {
        sku: "QGK3KWYTM5J9V2CA",
        family: "Database Instance",
        attributes: &[
            ("servicecode", "AmazonRDS"),
            ("location", "EU (Ireland)"),
            REGION,
            ("regionCode", "eu-west-1"),
            ("instanceType", "db.t4g.micro"),
            ("databaseEngine", "PostgreSQL"),
            ("deploymentOption", "Multi-AZ"),
            ("licenseModel", "No license required"),
            ("usagetype", "EU-Multi-AZUsage:db.t4g.micro"),
            ("operation", "CreateDBInstance:0014"),
        ],
        tiers: &[("0", "Inf", "0.0350000000")],
    },
    // The same class on another engine, and on premises of a customer at a price of nothing.
    Product {
        sku: "TKKV9V3K2Y8SGDNT",
        family: "Database Instance",
        attributes: &[
            ("servicecode", "AmazonRDS"),
            ("location", "EU (Ireland)"),
            REGION,
            ("regionCode", "eu-west-1"),
            ("instanceType", "db.t4g.micro"),
            ("databaseEngine", "MySQL"),
            ("deploymentOption", "Multi-AZ"),
            ("licenseModel", "No license required"),
            ("usagetype", "EU-Multi-AZUsage:db.t4g.micro"),
            ("operation", "CreateDBInstance:0002"),
        ],
        tiers: &[("0", "Inf", "0.0340000000")],
    },
    Product {
        sku: "ZZZZOUTPOSTSZZZZ",
        family: "Database Instance",
        attributes: &[
            ("servicecode", "AmazonRDS"),
            ("location", "AWS Outposts"),
            ("locationType", "AWS Outposts"),
            ("regionCode", "eu-west-1"),
            ("instanceType", "db.t4g.micro"),
            ("databaseEngine", "PostgreSQL"),
            ("deploymentOption", "Multi-AZ"),
            ("licenseModel", "No license required"),
            ("usagetype", "EU-OTP-Multi-AZUsage:db.t4g.micro"),
            ("operation", "CreateDBInstance:0014"),
        ],
        tiers: &[("0", "Inf", "0.0000000000")],
    },
    Product {
        sku: "WP9ANXZGBYYSGJEA",
        family: "Storage",
        attributes: &[
            ("servicecode", "AmazonS3"),
            ("location", "US West (Oregon)"),
            REGION,
            ("regionCode", "us-west-2"),
            ("usagetype", "USW2-TimedStorage-ByteHrs"),
            ("operation", ""),
            ("storageClass", "General Purpose"),
            ("volumeType", "Standard"),
        ],
        tiers: &[
            ("0", "51200", "0.0230000000"),
            ("51200", "512000", "0.0220000000"),
            ("512000", "Inf", "0.0210000000"),
        ],
    },
    // Its usage type begins with the region itself.
    Product {
        sku: "B6XEVAE2VCZHYJ9U",
        family: "Encryption Key",
        attributes: &[
            ("servicecode", "awskms"),
            ("location", "EU (Ireland)"),
            REGION,
            ("regionCode", "eu-west-1"),
            ("usagetype", "eu-west-1-KMS-Keys"),
            ("operation", ""),
        ],
        tiers: &[("0", "Inf", "1.0000000000")],
    },
    Product {
        sku: "UNKNOWNPRODUCT01",
        family: "Serverless",
        attributes: &[
            ("servicecode", "AWSLambda"),
            ("location", "EU (Ireland)"),
            REGION,
            ("regionCode", "eu-west-1"),
            ("usagetype", "EU-Lambda-Something-New"),
            ("operation", ""),
        ],
        tiers: &[("0", "Inf", "9.0000000000")],
    },
];

const TERM: &str = "JRTCKXETXF";
const RATE: &str = "6YS6EN2CT7";

fn attribute(product: &Product, name: &str) -> &'static str {
    product.attributes.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

/// The file `/offers/v1.0/aws/<service>/current/index.json` of one service.
fn json_list(service: &str) -> String {
    let (mut products, mut on_demand, mut reserved) = (Map::new(), Map::new(), Map::new());
    for product in PRODUCTS.iter().filter(|product| attribute(product, "servicecode") == service) {
        let attributes: Map<String, Value> =
            product.attributes.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        products.insert(
            product.sku.into(),
            json!({"sku": product.sku, "productFamily": product.family, "attributes": attributes}),
        );
        let dimensions: Map<String, Value> = product.tiers.iter().enumerate().map(|(tier, (begin, end, price))| {
            let code = format!("{}.{TERM}.{RATE}{tier}", product.sku);
            let dimension = json!({"rateCode": code, "description": "per unit", "beginRange": begin, "endRange": end, "unit": "Units", "pricePerUnit": {"USD": price}, "appliesTo": []});
            (code, dimension)
        }).collect();
        let term = |dimensions: Value| {
            let code = format!("{}.{TERM}", product.sku);
            json!({ code: {"offerTermCode": TERM, "sku": product.sku, "effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": dimensions, "termAttributes": {}}})
        };
        on_demand.insert(product.sku.into(), term(dimensions.into()));
        let upfront = json!({"x": {"rateCode": "x", "description": "Upfront Fee", "unit": "Quantity", "pricePerUnit": {"USD": "777"}, "appliesTo": []}});
        reserved.insert(product.sku.into(), term(upfront));
    }
    let list = json!({
        "formatVersion": "v1.0", "disclaimer": "made up for a test", "offerCode": service, "version": "20261102000000",
        "publicationDate": "2026-11-02T00:00:00Z", "products": products, "terms": {"OnDemand": on_demand, "Reserved": reserved}, "attributesList": {},
    });
    serde_json::to_string_pretty(&list).unwrap()
}

/// The same as `index.csv`.
fn csv_list(service: &str) -> String {
    let names = [
        "location",
        "locationType",
        "regionCode",
        "instanceType",
        "databaseEngine",
        "deploymentOption",
        "licenseModel",
        "volumeType",
        "group",
        "usagetype",
        "operation",
        "servicecode",
    ];
    let columns = "\"Location\",\"Location Type\",\"Region Code\",\"Instance Type\",\"Database Engine\",\"Deployment Option\",\"License Model\",\"Volume Type\",\"Group\",\"usageType\",\"operation\",\"serviceCode\"";
    let mut text = format!(
        "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"made up, for a test\"\n\"Publication Date\",\"2026-11-02T00:00:00Z\"\n\"Version\",\"20261102000000\"\n\"OfferCode\",\"{service}\"\n\"SKU\",\"OfferTermCode\",\"RateCode\",\"TermType\",\"PriceDescription\",\"EffectiveDate\",\"StartingRange\",\"EndingRange\",\"Unit\",\"PricePerUnit\",\"Currency\",\"LeaseContractLength\",\"Product Family\",{columns}\n"
    );
    for product in PRODUCTS.iter().filter(|product| attribute(product, "servicecode") == service) {
        let attributes = names.map(|name| format!("\"{}\"", attribute(product, name))).join(",");
        let (sku, family) = (product.sku, product.family);
        for (tier, (begin, end, price)) in product.tiers.iter().enumerate() {
            writeln!(text, "\"{sku}\",\"{TERM}\",\"{sku}.{TERM}.{RATE}{tier}\",\"OnDemand\",\"per unit\",\"2026-11-01\",\"{begin}\",\"{end}\",\"Units\",\"{price}\",\"USD\",\"\",\"{family}\",{attributes}").unwrap();
        }
        writeln!(text, "\"{sku}\",\"38NPMPTW36\",\"{sku}.R\",\"Reserved\",\"upfront\",\"2026-11-01\",\"\",\"\",\"Quantity\",\"777\",\"USD\",\"1yr\",\"{family}\",{attributes}").unwrap();
    }
    text
}

#[test]
fn lists_in_both_forms_replace_the_same_rows() {
    let mut books = Vec::new();
    for form in [json_list, csv_list] {
        let mut book = PriceBook::built_in();
        let mut left_out = 0;
        for service in ["AWSLambda", "AmazonECS", "AmazonRDS", "AmazonS3", "awskms"] {
            left_out += import(&mut book, &form(service), "index")
                .unwrap_or_else(|error| panic!("{service}: {error}"))
                .left_out;
        }
        // The product that nobody knows, the other engine, the customer's premises.
        assert_eq!(left_out, 3);
        let price = |service: &str, region: &str, item: &str| {
            let price = book.price(service, region, item).unwrap();
            assert_eq!(price.provenances[0].date, "2026-11-01", "{item}");
            price.tiers.iter().map(|tier| (tier.from, tier.price)).collect::<Vec<_>>()
        };
        let billion = |count: i64| Decimal::from(count) * dec!(1_000_000_000);
        let duration = [(dec!(0), dec!(0.000018)), (billion(6), dec!(0.000016)), (billion(15), dec!(0.000014))];
        assert_eq!(price("Lambda", "eu-west-1", "duration x86_64"), duration);
        assert_eq!(price("Lambda", "us-east-1", "requests"), [(dec!(0), dec!(0.00000025))]);
        assert_eq!(price("Fargate", "us-west-2", "Linux arm64 vCPU"), [(dec!(0), dec!(0.033))]);
        assert_eq!(price("RDS PostgreSQL", "eu-west-1", "db.t4g.micro Multi-AZ"), [(dec!(0), dec!(0.035))]);
        assert_eq!(price("KMS", "eu-west-1", "customer-managed key"), [(dec!(0), dec!(1))]);
        assert_eq!(price("S3", "us-west-2", "Standard storage").len(), 3);
        books.push(book);
    }
    assert_eq!(books[0], books[1]);
    // What was imported is what is billed, tier by tier, and it can be kept.
    let kept = PriceBook::from_csv(books[0].to_csv().unwrap().as_bytes()).unwrap();
    let request = json!({"region": "eu-west-1", "usage": {"lambda": [{"requests_per_month": 0, "gb_seconds": 16_000_000_000_u64}]}});
    let expected = dec!(6_000_000_000) * dec!(0.000018)
        + dec!(9_000_000_000) * dec!(0.000016)
        + dec!(1_000_000_000) * dec!(0.000014);
    assert_eq!(bill(&request, &kept).unwrap().total_usd, expected);
    // Nothing else has moved.
    let before = PriceBook::built_in();
    let same = |book: &PriceBook, region: &str| book.price("Lambda", region, "duration x86_64");
    assert_eq!(same(&before, "us-east-1"), same(&kept, "us-east-1"));
}
