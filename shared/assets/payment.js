// The payment provider's fields on the checkout page. Without this script, shoppers choose one of the other ways to pay.

const box = document.querySelector(".payment-fields");
const { dataset } = box ?? {};
const form = box?.closest("form");
const choice = box?.querySelector("input");
const alertText = box?.querySelector("[role=alert]");

function report(message) {
  alertText.textContent = message;
  alertText.hidden = !message;
}

function start() {
  const provider = window.Stripe(dataset.key);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const elements = provider.elements({
    mode: "payment",
    amount: Number(dataset.amount),
    currency: dataset.currency,
    captureMethod: "manual",
    appearance: { theme: dark ? "night" : "stripe" },
  });
  const details = {
    name: dataset.name,
    email: dataset.email,
    address: { country: dataset.country, postal_code: dataset.postalCode },
  };
  elements.create("payment", { defaultValues: { billingDetails: details } }).mount(box.querySelector(".mount"));
  box.hidden = false;
  choice.disabled = false;
  if ("preferred" in dataset) choice.checked = true;

  form.addEventListener("total", () => elements.update({ amount: Number(dataset.amount) }));
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (button?.value !== "place" || !choice.checked || choice.value) return;
    event.preventDefault();
    report("");
    button.disabled = true;
    try {
      const checked = await elements.submit();
      const made = checked.error ? checked : await provider.createConfirmationToken({ elements });
      if (made.error) {
        report(made.error.message);
        return;
      }
      choice.value = made.confirmationToken.id;
    } catch {
      report("The payment could not be started. Nothing was ordered. Try again, or choose another way to pay.");
      return;
    } finally {
      button.disabled = false;
    }
    // Not within this event, in which browsers ignore another one.
    setTimeout(() => form.requestSubmit(button));
  });
  // A token can be used once.
  addEventListener("pageshow", () => {
    choice.value = "";
  });
}

if (box) {
  const script = document.createElement("script");
  script.src = dataset.script;
  script.addEventListener("load", start);
  document.head.append(script);
}
