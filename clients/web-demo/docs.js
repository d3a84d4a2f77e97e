// The page of the published REST interface.
globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  // The address of a validator elsewhere would be an external request.
  validatorUrl: null,
});
