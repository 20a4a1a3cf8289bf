import { DeleteItemCommand, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { TransactWriteItemsCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { HoldfastError } from "../../core/errors.ts";
import type { Horizon, KeyPage, Snapshot, StreamId } from "../../core/journal/port.ts";
import { pack, type Packed } from "./body.ts";
import { failedItem } from "./conditions.ts";
import { type Head, headItem, headOf, type Item } from "./items.ts";
import { keyOf, sortKeys } from "./names.ts";
import { pageItems } from "./pages.ts";
import type { Requests } from "./requests.ts";

/** Writers of one stream's snapshot that may be in each other's way before one gives up. */
const attemptsMax = 64;

/** The greatest revision: the stream is erased, and nothing replaces its snapshot. */
export const erasedRevision: number = Number.MAX_SAFE_INTEGER;

/** Newer than the stored one, which is not the last, and no horizon goes back. */
const isNewerCondition =
  "(attribute_not_exists(pk) OR (revision < :last" +
  " AND (revision < :revision OR (revision = :revision AND #sequence < :sequence))" +
  " AND foreignHorizon <= :foreign AND derivedHorizon <= :derived))";

/** And it is still the one that was seen: a transaction does not tell what it replaced, whose parts have to go. */
function replacing(generation: string | undefined): string {
  return generation === undefined ? " AND attribute_not_exists(generation)" : " AND generation = :generation";
}

/** Saves snapshots of a journal: keys first, then the snapshot with its horizon in one conditional write. */
export function createSnapshots(
  requests: Requests,
  newId: () => string,
): (stream: StreamId, snapshot: Snapshot, page?: KeyPage) => Promise<void> {
  const { table: TableName } = requests;

  async function put(item: Item): Promise<void> {
    await requests.write((client, how) => client.send(new PutItemCommand({ TableName, Item: item }), how));
  }

  async function remove(stream: StreamId, sk: string): Promise<void> {
    const command = new DeleteItemCommand({ TableName, Key: keyOf(stream, sk) });
    await requests.write((client, how) => client.send(command, how));
  }

  async function removeParts(stream: StreamId, head: Head | undefined): Promise<void> {
    if (head?.body.kind !== "parts") return;
    for (let n = 0; n < head.body.count; n++) await remove(stream, sortKeys.part(head.body.generation, n));
  }

  /** Writes the head if it is newer; else returns the one that stands. Parts of the one it replaced are removed. */
  async function putHead(stream: StreamId, head: Head, parts: Packed["parts"]): Promise<Head | undefined> {
    const before = parts.length > 0 ? await standing(stream) : undefined;
    const generation = before?.body.kind === "parts" ? before.body.generation : undefined;
    const condition = {
      ConditionExpression: `${isNewerCondition}${parts.length > 0 ? replacing(generation) : ""}`,
      ExpressionAttributeNames: { "#sequence": "sequence" },
      ExpressionAttributeValues: {
        ":last": { N: String(erasedRevision) },
        ":revision": { N: String(head.revision) },
        ":sequence": { N: String(head.sequence) },
        ":foreign": { N: String(head.horizon.foreign) },
        ":derived": { N: String(head.horizon.derived) },
        ...(generation !== undefined && { ":generation": { S: generation } }),
      },
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    } as const;
    const write = { TableName, Item: headItem(stream, head), ...condition };
    let replaced = before;
    try {
      if (parts.length === 0) {
        const command = new PutItemCommand({ ...write, ReturnValues: "ALL_OLD" });
        const { Attributes } = await requests.write((client, how) => client.send(command, how));
        replaced = Attributes && headOf(Attributes);
      } else {
        const puts = partItems(stream, head, parts).map((item) => ({ Put: { TableName, Item: item } }));
        const command = new TransactWriteItemsCommand({ TransactItems: [{ Put: write }, ...puts] });
        await requests.write((client, how) => client.send(command, how));
      }
    } catch (error) {
      const item = failedItem(error);
      if (item === undefined) throw error;
      return item === "absent" ? standing(stream) : headOf(item);
    }
    await removeParts(stream, replaced);
    return undefined;
  }

  /** Raises the horizon of a head that stays, if it is still the one that was seen; else returns what stands now. */
  async function raise(stream: StreamId, seen: Head, horizon: Horizon): Promise<Head | undefined> {
    const command = new UpdateItemCommand({
      TableName,
      Key: keyOf(stream, sortKeys.snapshot),
      UpdateExpression: "SET foreignHorizon = :foreign, derivedHorizon = :derived",
      ConditionExpression: "foreignHorizon = :seenForeign AND derivedHorizon = :seenDerived AND revision < :last",
      ExpressionAttributeValues: {
        ":foreign": { N: String(horizon.foreign) },
        ":derived": { N: String(horizon.derived) },
        ":seenForeign": { N: String(seen.horizon.foreign) },
        ":seenDerived": { N: String(seen.horizon.derived) },
        ":last": { N: String(erasedRevision) },
      },
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    try {
      await requests.write((client, how) => client.send(command, how));
      return undefined;
    } catch (error) {
      const item = failedItem(error);
      if (item === undefined) throw error;
      return item === "absent" ? standing(stream) : headOf(item);
    }
  }

  async function standing(stream: StreamId): Promise<Head | undefined> {
    const command = new GetItemCommand({ TableName, Key: keyOf(stream, sortKeys.snapshot), ConsistentRead: true });
    const { Item } = await requests.read((client, how) => client.send(command, how));
    return Item && headOf(Item);
  }

  return async (stream, snapshot, page) => {
    const { body, parts } = await pack(snapshot.body, newId);
    const pages = page ? pageItems(stream, page) : [];
    for (const item of pages) await put(item);
    let horizon = snapshot.horizon;
    let found = await putHead(stream, { ...snapshot, body }, parts);
    for (let attempt = 1; found !== undefined; attempt++) {
      if (found.revision === erasedRevision) {
        for (let n = 0; page && n < pages.length; n++) await remove(stream, sortKeys.page(page.sequence, n));
        return;
      }
      horizon = greater(horizon, found.horizon);
      const newer = isNewer(snapshot, found);
      if (!newer && horizon.foreign === found.horizon.foreign && horizon.derived === found.horizon.derived) return;
      if (attempt === attemptsMax) throw crowded();
      found = newer
        ? await putHead(stream, { ...snapshot, horizon, body }, parts)
        : await raise(stream, found, horizon);
    }
  };
}

function partItems(stream: StreamId, { body }: Head, parts: Packed["parts"]): readonly Item[] {
  if (body.kind !== "parts") return [];
  return parts.map((bytes, n) => ({
    ...keyOf(stream, sortKeys.part(body.generation, n)),
    bytes: { B: bytes },
  }));
}

function greater(one: Horizon, other: Horizon): Horizon {
  return { foreign: Math.max(one.foreign, other.foreign), derived: Math.max(one.derived, other.derived) };
}

function isNewer(snapshot: Snapshot, than: Head): boolean {
  if (snapshot.revision !== than.revision) return snapshot.revision > than.revision;
  return snapshot.sequence > than.sequence;
}

function crowded(): HoldfastError {
  return new HoldfastError("overloaded", "Too many writers save snapshots of one entity; this one was dropped.", {
    retry: "later",
    retryAfterMs: 1_000,
  });
}
