import type { HoldfastError } from "../../core/errors.ts";
import { isOfAnEntry, messageTooLarge } from "../../core/broker/bus-errors.ts";
import { entryError, type FailedEntry, type Target, translated, unanswered } from "./errors.ts";

/** Of one request of PublishBatch or SendMessageBatch. Source: the API references of SNS and SQS. */
export const batchLimits = { entriesMax: 10, bytesMax: 262_144 } as const;

/** A message as it goes into a request, with its place in the call. */
export interface Entry<Request> {
  readonly place: number;
  readonly request: Request;
  /** Of its body and its attributes, UTF-8. */
  readonly bytes: number;
}

/** What a service answers to a batch. */
export interface BatchAnswer {
  readonly Successful?: readonly { readonly Id?: string | undefined }[] | undefined;
  readonly Failed?: readonly (FailedEntry & { readonly Id?: string | undefined })[] | undefined;
}

/** The size of a message: body, and of each attribute name, type and value. */
export function bytesOf(
  body: string,
  attributes: {
    readonly [name: string]: { readonly DataType?: string | undefined; readonly StringValue?: string | undefined };
  },
): number {
  let bytes = Buffer.byteLength(body);
  for (const [name, { DataType = "", StringValue = "" }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType) + Buffer.byteLength(StringValue);
  }
  return bytes;
}

/** Cuts into batches, in the given order; an entry that fits into none goes to `refuse`. */
export function batchesOf<Request>(
  entries: readonly Entry<Request>[],
  target: Target,
  refuse: (place: number, error: HoldfastError) => void,
): readonly (readonly Entry<Request>[])[] {
  const batches: Entry<Request>[][] = [];
  let last: Entry<Request>[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (entry.bytes > batchLimits.bytesMax) {
      refuse(entry.place, messageTooLarge(`A message for ${target.name} has ${entry.bytes} bytes.`));
      continue;
    }
    if (last.length === 0 || last.length === batchLimits.entriesMax || bytes + entry.bytes > batchLimits.bytesMax) {
      last = [];
      bytes = 0;
      batches.push(last);
    }
    last.push(entry);
    bytes += entry.bytes;
  }
  return batches;
}

/**
 * Sends a batch and settles each of its entries: taken only where the answer says so. Where the whole was refused, and
 * perhaps for the sake of one, each goes alone. Never rejects.
 */
export async function deliver<Request>(
  batch: readonly Entry<Request>[],
  target: Target,
  send: (entries: readonly (Request & { readonly Id: string })[]) => Promise<BatchAnswer>,
  settle: (place: number, error: HoldfastError | undefined) => void,
): Promise<void> {
  try {
    // Ids of their own for each request: a place in the call.
    const answer = await send(batch.map(({ place, request }) => ({ ...request, Id: String(place) })));
    const taken = new Set(answer.Successful?.map(({ Id }) => Id));
    const failed = new Map(answer.Failed?.map((entry) => [entry.Id, entry]));
    for (const { place } of batch) {
      const failure = failed.get(String(place));
      if (failure) settle(place, entryError(failure, target));
      else settle(place, taken.has(String(place)) ? undefined : unanswered(target));
    }
  } catch (thrown) {
    const error = translated(thrown, target);
    if (batch.length > 1 && isOfAnEntry(error)) {
      for (const entry of batch) await deliver([entry], target, send, settle);
    } else {
      for (const { place } of batch) settle(place, error);
    }
  }
}
