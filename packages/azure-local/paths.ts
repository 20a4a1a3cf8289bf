/**
 * A path as the host reads it: percent signs decoded once, but `%2F`, which would not be told from a slash, and what is no
 * UTF-8. Undefined where it is refused.
 * Source: Kestrel, UrlDecoder.DecodeInPlace
 */
export function decodedPath(raw: string): string | undefined {
  const decoded = raw.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    escapes
      .split(/(%2f)/i)
      .map((part) => (/^%2f$/i.test(part) ? part : decodedText(part)))
      .join(""),
  );
  return decoded.includes("\0") ? undefined : decoded;
}

/** What is no UTF-8 stays as it is. */
function decodedText(escapes: string): string {
  try {
    return decodeURIComponent(escapes);
  } catch {
    return escapes;
  }
}

/**
 * A decoded path as the host hands it on within a URL. What already looks like an escape stays: `%252F` of a client has
 * become `%2F`.
 * Source: ASP.NET Core, PathString.ToUriComponent
 */
export function encodedPath(decoded: string): string {
  return decoded.replaceAll(/%[0-9a-f]{2}|[^!$&'()*+,\-./0-9:;=@A-Z_a-z~]/giu, (part) =>
    part.length === 3 && part.startsWith("%") ? part : encodeURIComponent(part),
  );
}
