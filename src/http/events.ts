import { HoldfastError } from "../core/errors.ts";
import type { ViewRequest } from "../core/runtime/requests.ts";
import { json, type Answer } from "./answer.ts";
import { inTime } from "./deadline.ts";
import { onBehalf, type EntityExchange, type HttpContext } from "./exchange.ts";
import { shown, wantsEventStream } from "./headers.ts";

const limitMax = 1_000;
const limitDefault = 100;

/** `GET /api/{entity}/{id}/events`: a page of the history, or the history as it happens (server-sent events). */
export function showEvents(http: HttpContext, exchange: EntityExchange): Promise<Answer> {
  return onBehalf(http, exchange, async (principal) => {
    const { definition, id } = exchange;
    let range: Range;
    try {
      range = rangeOf(exchange);
    } catch (error) {
      // What is wrong with the question is told to those only who may ask.
      await http.runtime.authorize(principal, definition.name, { kind: "history", id });
      throw error;
    }
    return eventsAnswer(http, exchange, { entity: definition.name, id, principal }, range);
  });
}

interface Range {
  readonly after: number;
  readonly limit: number;
  /** `Last-Event-ID`, for event streams only; `undefined` for a client that has not seen an event yet. */
  readonly last: number | undefined;
}

/** @throws HoldfastError `invalid-query` */
function rangeOf({ request, header }: EntityExchange): Range {
  const query = new URL(request.url).searchParams;
  const versions = { from: 0, to: Number.MAX_SAFE_INTEGER };
  const after = wholeNumber("after", query.getAll("after"), { ...versions, otherwise: 0 });
  const limit = wholeNumber("limit", query.getAll("limit"), { from: 1, to: limitMax, otherwise: limitDefault });
  const last = (wantsEventStream(header) && header("last-event-id")) || "";
  return { after, limit, last: last === "" ? undefined : wholeNumber("Last-Event-ID", [last], versions) };
}

async function eventsAnswer(
  http: HttpContext,
  { request, header }: EntityExchange,
  view: ViewRequest,
  { after, limit, last }: Range,
): Promise<Answer> {
  if (!wantsEventStream(header)) {
    return json(await inTime(http, http.runtime.history({ ...view, after, limit })));
  }
  if (last !== undefined && last > 0) await expectEvent(http, view, last);
  const opening = http.streams.open({ view, after: last ?? after, limit, headOnly: request.method === "HEAD" });
  const body = await inTime(http, opening).catch((error: unknown) => {
    // Should it open after all, nobody reads it.
    opening.then((stream) => stream?.cancel()).catch(() => {});
    throw error;
  });
  return {
    status: 200,
    // The last one tells nginx and its like not to collect what should arrive at once.
    headers: { "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no" },
    body,
  };
}

/**
 * A client that has seen an event which is not there would wait for ever, or miss what takes its place: the events are
 * another entity's, or the store went back to a backup. @throws HoldfastError `invalid-query`
 */
async function expectEvent(http: HttpContext, view: ViewRequest, version: number): Promise<void> {
  const { events } = await inTime(http, http.runtime.history({ ...view, after: version - 1, limit: 1 }));
  if (events.length > 0) return;
  throw new HoldfastError("invalid-query", `Last-Event-ID is ${version}, but there is no such event. Begin anew.`);
}

/** @throws HoldfastError `invalid-query` */
function wholeNumber(
  name: string,
  values: readonly string[],
  range: { readonly from: number; readonly to: number; readonly otherwise?: number },
): number {
  const [text] = values;
  if (text === undefined && range.otherwise !== undefined) return range.otherwise;
  const value = values.length === 1 && text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.from && value <= range.to) return value;
  throw new HoldfastError(
    "invalid-query",
    `${name} is ${JSON.stringify(shown(values.join(", ")))}; it must be one whole number from ${range.from} to ${range.to}.`,
  );
}
