//! Reports that a mail could not be delivered, as servers send them to the sender's mailbox (RFC 3464).

use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};
use shopease_shop::domain::MailId;
use shopease_shop::ports::ReturnedMail;
use time::OffsetDateTime;

/// The mail of the shop that a report says was not delivered; `None` if it says something else.
pub fn returned_mail(report: &[u8]) -> Option<ReturnedMail> {
    let report = MessageParser::default().parse(report)?;
    let code = report.parts.iter().find_map(|part| {
        let kind = part.content_type()?;
        let is_status = kind.ctype() == "message"
            && kind.subtype().is_some_and(|subtype| matches!(subtype, "delivery-status" | "global-delivery-status"));
        failure(std::str::from_utf8(part.contents()).ok().filter(|_| is_status)?)
    })?;
    let id = report.parts.iter().find_map(|part| match &part.body {
        PartType::Message(original) => mail_id(original),
        // `text/rfc822-headers`, and `message/global-headers`.
        PartType::Text(_) | PartType::Binary(_) => mail_id(&MessageParser::default().parse_headers(part.contents())?),
        _ => None,
    })?;
    let at = OffsetDateTime::from_unix_timestamp(report.date()?.to_timestamp()).ok()?;
    Some(ReturnedMail { id, code, at })
}

/// The status of the first recipient to whom a mail was not delivered, for example `5.1.1`.
fn failure(status: &str) -> Option<String> {
    let field = |group: &str, name: &str| {
        let mut fields = group.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let status = status.replace("\r\n", "\n");
    let failed = |group: &&str| field(group, "Action").is_some_and(|action| action.eq_ignore_ascii_case("failed"));
    let code = status.split("\n\n").find(failed).map(|group| field(group, "Status").unwrap_or_default())?;
    let code: String = code.chars().take_while(|&char| char.is_ascii_digit() || char == '.').collect();
    Some(if code.is_empty() { "5.0.0".to_owned() } else { code })
}

fn mail_id(original: &Message<'_>) -> Option<MailId> {
    original.message_id()?.split('@').next()?.parse().ok()
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use shopease_shop::testing::fixtures::mail_id as id;
    use time::macros::datetime;

    use super::*;
    use crate::testing::{delivery_report as report, delivery_status as status};

    #[test]
    fn a_failed_delivery_is_read_with_or_without_the_body_of_the_mail() {
        let headers = format!("From: orders@shop.example\nMessage-ID: <{}@shop.example>\nSubject: Your order", id());
        let full = format!("Content-Type: message/rfc822\n\n{headers}\n\nText");
        let short = format!("Content-Type: text/rfc822-headers\n\n{headers}");
        for (status, original, code) in [
            (status("failed", "5.1.1"), &full, Some("5.1.1")),
            (status("Failed", "5.2.2 (mailbox full)"), &short, Some("5.2.2")),
            (status("failed", ""), &short, Some("5.0.0")),
            (status("delayed", "4.4.1"), &short, None),
            (status("delivered", "2.0.0"), &full, None),
            ("Content-Type: text/plain\n\nAction: failed\nStatus: 5.1.1".to_owned(), &full, None),
        ] {
            let expected =
                code.map(|code| ReturnedMail { id: id(), code: code.to_owned(), at: datetime!(2026-12-01 09:00 UTC) });
            assert_eq!(returned_mail(report(&status, original).as_bytes()), expected, "{status}");
        }
    }

    #[test]
    fn other_messages_are_not_reports() {
        let foreign =
            report(&status("failed", "5.1.1"), "Content-Type: text/rfc822-headers\n\nMessage-ID: <1@other.example>");
        for message in ["", "Subject: Vacation\r\n\r\nI am away until Monday.", &foreign, "\u{0}\u{1}\u{2}"] {
            assert_eq!(returned_mail(message.as_bytes()), None, "{message}");
        }
    }
}
