/**
 * On every answer, errors and event streams included. Nothing is kept on the way: an ETag says the version, which is the
 * same for every tenant. Whoever opens an answer as a page gets nothing that runs or loads (so that no referrer is sent
 * either), in no frame, and no page of another site may embed it. What TLS is for (`Strict-Transport-Security`) is said
 * where TLS ends.
 * Source: OWASP REST Security Cheat Sheet, security headers; Fetch, Cross-Origin-Resource-Policy.
 */
export const securityHeaders = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;
