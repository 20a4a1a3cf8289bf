import type { Logger } from "../runtime/system.ts";
import { isTombstone } from "./events.ts";
import type { Change, PositionedRecord } from "./port.ts";
import type { ConsumerSpec } from "./spec.ts";

/** What a consumer sees in a record. */
export interface Seen {
  readonly picked: readonly number[];
  readonly absorbed: readonly Change[];
  /** The stream is erased. */
  readonly ends: boolean;
}

const nothing: readonly never[] = [];

/** What it wants of a record. One that cannot be read stops nobody: as an item of work it becomes a dead letter. */
export function lookAt({ name, pick, absorb }: ConsumerSpec, record: PositionedRecord, log: Logger): Seen {
  try {
    const picked = pick?.(record) ?? nothing;
    return { picked, absorbed: absorb?.(record) ?? nothing, ends: isTombstone(record.record) };
  } catch (error) {
    const { stream, position } = record;
    log.error({ consumer: name, stream, position, error }, `${name} cannot read a record`);
    return { picked: pick ? [1] : nothing, absorbed: nothing, ends: false };
  }
}
