/** What becomes Lambda's answer: a Response, or what stands for one. */
export interface Answered {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
  bytes(): Promise<Uint8Array>;
}

const encoder = new TextEncoder();

function answered(
  body: string | ReadableStream<Uint8Array> | null,
  { status, headers: given }: { readonly status: number; readonly headers: { readonly [name: string]: string } },
): Answered {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(given)) {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new TypeError(`The header ${name} of the answer cannot be sent.`);
    const lower = name.toLowerCase();
    const before = headers.get(lower);
    headers.set(lower, before === undefined ? value : `${before}, ${value}`);
  }
  return {
    status,
    headers,
    bytes: async () =>
      typeof body === "object" && body !== null ? new Response(body).bytes() : encoder.encode(body ?? ""),
  };
}

/**
 * What the HTTP interface makes its answers of here. Nothing but the function's own code reads them, and the real class
 * brings all of `fetch` with it: Node loads that where the class is first named.
 */
export const LambdaResponse: typeof Response =
  // Called with `new`, a function's object is the result; the interface calls it with what `answered` takes.
  function (...args: Parameters<typeof answered>) {
    return answered(...args);
  } as unknown as typeof Response;
