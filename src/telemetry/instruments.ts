import { ValueType, type Meter, type ObservableResult } from "@opentelemetry/api";
import type { CommandResult, Telemetry } from "../core/runtime/telemetry.ts";

/** The six metrics. Their attributes are names of the app's and codes, of both a bounded number. */
export interface Instruments extends Pick<Telemetry, "conflict" | "loaded" | "deadLetter" | "age" | "reached"> {
  command(entity: string, command: string, result: CommandResult, seconds: number): void;
}

/** Different codes that are told apart; an app that makes up more is shown `other` for the rest. */
const codesMax = 200;

/** Upper bounds in seconds: a commit takes from some 100 µs (memory) to seconds (a store that is in trouble). */
const durationBounds = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const lagBounds = [0, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 10_000];

export function createInstruments(meter: Meter): Instruments {
  const duration = meter.createHistogram("holdfast.command.duration", {
    description: "How long commands took, from their arrival to their answer",
    unit: "s",
    advice: { explicitBucketBoundaries: durationBounds },
  });
  const conflicts = meter.createCounter("holdfast.command.conflicts", {
    description: "Groups of commands that were decided anew because another instance was faster",
    unit: "{conflict}",
    valueType: ValueType.INT,
  });
  const deadLetters = meter.createCounter("holdfast.dead_letters", {
    description: "Messages that were given up",
    unit: "{message}",
    valueType: ValueType.INT,
  });
  const lag = meter.createHistogram("holdfast.snapshot.lag", {
    description: "Records that were folded behind the snapshot when an entity was loaded",
    unit: "{record}",
    valueType: ValueType.INT,
    advice: { explicitBucketBoundaries: lagBounds },
  });
  const age = meter.createObservableGauge("holdfast.delivery.age", {
    description: "Age of a consumer's oldest message that is not done",
    unit: "s",
  });
  const reached = meter.createHistogram("holdfast.dependency.duration", {
    description: "How long attempts at asking what is outside took",
    unit: "s",
    advice: { explicitBucketBoundaries: durationBounds },
  });
  const codes = new Set<string>();

  function bounded(code: string): string {
    if (codes.has(code)) return code;
    if (codes.size >= codesMax) return "other";
    codes.add(code);
    return code;
  }

  return {
    command(entity, command, { outcome, code }, seconds) {
      const isError = code !== undefined && (outcome === "refused" || outcome === "failed");
      duration.record(seconds, {
        "holdfast.entity": entity,
        "holdfast.command": command,
        "holdfast.outcome": outcome,
        ...(isError && { "error.type": bounded(code) }),
        ...(outcome === "rejected" && code !== undefined && { "holdfast.code": bounded(code) }),
      });
    },
    conflict: (entity) => conflicts.add(1, { "holdfast.entity": entity }),
    loaded: (entity, records) => lag.record(records, { "holdfast.entity": entity }),
    deadLetter: (consumer, code) =>
      deadLetters.add(1, { "holdfast.consumer": consumer, "holdfast.code": bounded(code) }),
    reached: (dependency, outcome, ms) =>
      reached.record(ms / 1_000, { "holdfast.dependency": dependency, "holdfast.outcome": outcome }),
    age(consumer, read) {
      const observe = (result: ObservableResult): void => {
        const ms = read();
        if (ms !== undefined) result.observe(Math.max(0, ms) / 1_000, { "holdfast.consumer": consumer });
      };
      age.addCallback(observe);
      return () => age.removeCallback(observe);
    },
  };
}
