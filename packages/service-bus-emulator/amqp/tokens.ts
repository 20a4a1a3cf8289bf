/** A UUID's 16 bytes, in the order of its text: so lock tokens are written in management operations. */
export function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The same in .NET's order, of which the first three groups are little-endian: so it is written as a delivery's tag. */
export function deliveryTag(uuid: string): Buffer {
  const bytes = uuidBytes(uuid);
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

const ticksPerMs = 10_000n;
const ticksAtEpoch = 621_355_968_000_000_000n;

/** A time as .NET ticks (100 ns since year 1), 8 bytes, big-endian. */
export function ticks(epochMs: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(Math.trunc(epochMs)) * ticksPerMs + ticksAtEpoch);
  return bytes;
}
