// Fields of test payments, with the part of Stripe's interface that payment.js uses. Cards are told apart by their last digits.

const tokens = {
  4242: "card_approved",
  "0002": "card_declined",
  9995: "card_insufficient_funds",
  3220: "card_requires_action",
  7777: "card_expires",
};

window.Stripe = () => ({
  elements() {
    const field = document.createElement("div");
    field.className = "field";
    const label = document.createElement("label");
    label.htmlFor = "card-number";
    label.textContent = "Card number";
    const input = document.createElement("input");
    Object.assign(input, { id: "card-number", inputMode: "numeric", autocomplete: "off", value: "4242 4242 4242 4242" });
    input.setAttribute("aria-describedby", "card-hint");
    const hint = document.createElement("p");
    Object.assign(hint, { id: "card-hint", className: "hint" });
    hint.textContent = "A test card. Its last digits decide: 4242 is approved, 0002 declined, 3220 asks for a confirmation.";
    field.append(label, input, hint);
    const token = () => tokens[input.value.replaceAll(" ", "").slice(-4)];
    return {
      token,
      update: () => {},
      create: () => ({ mount: (host) => host.append(field) }),
      submit: async () => (token() ? {} : { error: { message: "Enter the number of a test card." } }),
    };
  },
  createConfirmationToken: async ({ elements }) => ({ confirmationToken: { id: `ctoken_${elements.token()}` } }),
});
