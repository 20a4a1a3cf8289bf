import { Readable } from "node:stream";
import type { Clients } from "./fixtures.ts";

/** What happens to a request instead of its ordinary way. */
export type Fault =
  /** It arrives and is done, and its answer is lost on the way back. */
  | "answer lost"
  /** It never arrives: nobody listens. */
  | "refused"
  /** It goes nowhere: the connection breaks. */
  | "broken"
  /** Nothing ever comes back, and no signal is heeded. */
  | "silence"
  /** The service answers so; `done`: after it has done what was asked. */
  | { readonly status: number; readonly code: string; readonly message?: string; readonly done?: true }
  /** The service does not take that entry of a batch, and says so; without a code it does not even mention it. */
  | { readonly entry: number; readonly code?: string; readonly senderFault?: boolean };

/** A request below the SDK, as far as this looks at it. */
interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  body?: unknown;
}

interface Answer {
  readonly response: { statusCode: number; headers: Record<string, string>; body: unknown };
}

/** A handler as the SDK has it, in the types that this needs. */
interface Handler {
  handle(request: Request, how: unknown): Promise<Answer>;
}

/**
 * Puts a hand on the wire below an SDK and its retries: `plan` sees every attempt (its operation, and how many of that
 * operation there were before) and may let it go wrong. Returns the operations that were sent, in their order.
 */
export function onTheWire(
  client: Clients[keyof Clients],
  plan: (operation: string, before: number) => Fault | undefined = () => undefined,
): string[] {
  const sent: string[] = [];
  const handler = client.config.requestHandler as unknown as Handler;
  const send = handler.handle.bind(handler);
  handler.handle = async (request, how) => {
    const operation = operationOf(request);
    const before = sent.filter((each) => each === operation).length;
    sent.push(operation);
    const fault = plan(operation, before);
    if (fault === undefined) return send(request, how);
    if (fault === "silence") return new Promise<never>(() => {});
    if (fault === "refused") throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    if (fault === "broken") throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    if (fault === "answer lost") {
      await send(request, how);
      throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    }
    if ("entry" in fault) return withoutEntry(request, fault, (changed) => send(changed, how));
    if (fault.done) await send(request, how);
    return errorAnswer(request, fault);
  };
  return sent;
}

function operationOf({ headers, body, path, method }: Request): string {
  const target = headers["x-amz-target"]?.split(".")[1];
  if (target !== undefined) return target;
  const action = new URLSearchParams(textOf({ body })).get("Action");
  return action ?? `${method} ${path.split("/")[1]}`;
}

function isSqs({ headers }: Request): boolean {
  return headers["x-amz-target"] !== undefined;
}

function isSns(request: Request): boolean {
  return textOf(request).startsWith("Action=");
}

/** The bodies of these services are texts, or their bytes. */
function textOf({ body }: Pick<Request, "body">): string {
  return typeof body === "string" ? body : new TextDecoder().decode((body ?? new Uint8Array()) as Uint8Array);
}

function errorAnswer(request: Request, fault: { status: number; code: string; message?: string }): Answer {
  const { status, code, message = code } = fault;
  const type = status < 500 ? "Sender" : "Receiver";
  const text = isSns(request)
    ? `<ErrorResponse><Error><Type>${type}</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`
    : JSON.stringify({ __type: `com.amazonaws#${code}`, message, Message: message });
  const headers = { "content-type": isSns(request) ? "text/xml" : "application/json", "x-amzn-errortype": code };
  return { response: { statusCode: status, headers, body: Readable.from([text]) } };
}

async function withoutEntry(
  request: Request,
  { entry, code, senderFault = false }: { entry: number; code?: string; senderFault?: boolean },
  send: (request: Request) => Promise<Answer>,
): Promise<Answer> {
  if (isSqs(request)) {
    const { Entries, ...rest } = JSON.parse(textOf(request)) as { Entries: { Id: string }[] };
    const [gone] = Entries.splice(entry, 1);
    const answer = await resend(request, JSON.stringify({ ...rest, Entries }), send);
    const body = JSON.parse(answer.text) as object;
    const failed = { Id: gone?.Id, Code: code, Message: code, SenderFault: senderFault };
    return answer.with(JSON.stringify({ ...body, ...(code !== undefined && { Failed: [failed] }) }));
  }
  const form = new URLSearchParams(textOf(request));
  const prefix = `PublishBatchRequestEntries.member.${entry + 1}.`;
  const id = form.get(`${prefix}Id`);
  for (const name of new Set(form.keys())) if (name.startsWith(prefix)) form.delete(name);
  const answer = await resend(request, form.toString(), send);
  const failed = `<member><Id>${id}</Id><Code>${code}</Code><Message>${code}</Message><SenderFault>${senderFault}</SenderFault></member>`;
  return answer.with(code === undefined ? answer.text : answer.text.replace("<Failed>", `<Failed>${failed}`));
}

async function resend(request: Request, body: string, send: (request: Request) => Promise<Answer>) {
  // The handler sends the body it is given; the length has to be its own.
  const headers = { ...request.headers, "content-length": String(Buffer.byteLength(body)) };
  const changed = Object.assign(Object.create(Object.getPrototypeOf(request) as object) as Request, request, {
    headers,
    body,
  });
  const { response } = await send(changed);
  let text = "";
  for await (const chunk of response.body as AsyncIterable<Buffer>) text += chunk.toString();
  return {
    text,
    with: (answer: string): Answer => ({
      response: Object.assign(response, { body: Readable.from([answer]) }),
    }),
  };
}
