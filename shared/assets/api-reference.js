// Renders the API reference. A file of its own, because the content security policy forbids inline scripts.
SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // The validator would send the document to another host.
  validatorUrl: null,
});
