import type { MarkStore } from "../../core/broker/marks.ts";
import { isHoldfastError } from "../../core/errors.ts";
import type { Append, AppendResult, Journal } from "../../core/journal/port.ts";
import { erase } from "./erase.ts";
import { createHeads } from "./heads.ts";
import { loadAfter, loadNewest, readRecord } from "./load.ts";
import { createMarkStore } from "./marks.ts";
import { partitionOf, rowKeys } from "./names.ts";
import { checkTablesOptions, type TablesOptions } from "./options.ts";
import { loadPages } from "./pages.ts";
import { payloadOf } from "./payload.ts";
import { createRequests, type Requests } from "./requests.ts";
import { recordProperties } from "./rows.ts";
import { createSnapshots } from "./snapshots.ts";
import { scanStreams } from "./streams.ts";

/** Of a journal that says how far streams are published: wake-ups reckon with appends that are given up by then. */
const markedTimeoutMsMax = 10_000;

/**
 * A journal in one table of an Azure storage account. A record is a row of its own, written by one insert; a cold load is
 * one query of the stream's partition; idempotency keys are kept in pages. Costs, limits and roles: docs/azure.md. It
 * cannot tell whether the record before an append stands; the core checks the chain when it loads.
 * @throws HoldfastError `invalid-options`
 */
export function createTablesJournal(options: TablesOptions): Journal {
  const { journal } = created(options);
  return {
    ...journal,
    async load(stream, after) {
      const { published: _, ...loaded } = await journal.load(stream, after);
      return loaded;
    },
  };
}

/**
 * The same, which also keeps how far each stream is published: `load` says so without a request more, 0 where it is not
 * known, and records keep what their writer knew. For what publishes without a stream of changes. `requestTimeoutMs` is
 * 10,000 at most.
 * @throws HoldfastError `invalid-options`
 */
export function createMarkedTablesJournal(options: TablesOptions): Journal & MarkStore {
  const { requests, journal } = created(options, markedTimeoutMsMax);
  return { ...journal, ...createMarkStore(requests) };
}

function created(
  options: TablesOptions,
  timeoutMsMax?: number,
): { readonly requests: Requests; readonly journal: Journal } {
  checkTablesOptions(options, timeoutMsMax);
  const { tailMax = 100, system } = options;
  const requests = createRequests(options);
  const heads = createHeads(requests);
  const saveSnapshot = createSnapshots(requests, heads, system.newId);
  const journal: Journal = {
    keys: { kind: "pages", load: (stream, from, to) => loadPages(requests, stream, from, to) },
    load: async (stream, after) =>
      after === undefined
        ? loadNewest(requests, heads, stream, tailMax)
        : { records: await loadAfter(requests, stream, after) },
    append: (one) => append(requests, one),
    record: (stream, sequence) => readRecord(requests, stream, sequence),
    history: (stream, { after, limit }) => loadAfter(requests, stream, after, limit),
    saveSnapshot: (stream, snapshot, keys) => saveSnapshot(stream, snapshot, keys?.page),
    streams: (range) => scanStreams(requests, range),
    erase: (stream, tombstone) => erase(requests, heads, stream, tombstone),
  };
  return { requests, journal };
}

async function append(requests: Requests, { stream, record, published }: Append): Promise<AppendResult> {
  const row = {
    partitionKey: partitionOf(stream),
    rowKey: rowKeys.record(record.sequence),
    ...recordProperties(record),
    ...(await payloadOf("entries", record.entries)),
    ...(published !== undefined && { published: BigInt(published) }),
  };
  try {
    const { done } = await requests.write((client, how) => client.createEntity(row, how));
    if (done) return "stored";
  } catch (error) {
    if (isHoldfastError(error, "outcome-unknown")) return "unknown";
    throw error;
  }
  try {
    // The id tells ours: the SDK tries again after an answer that was lost, and fails on its own write.
    const standing = await requests.get(row.partitionKey, row.rowKey, ["id"]);
    if (standing === undefined) return "unknown";
    return standing["id"] === record.id ? "stored" : "taken";
  } catch {
    return "unknown";
  }
}
