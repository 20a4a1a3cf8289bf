import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, type JWK, type JWTPayload } from "jose";

export interface KeyPair {
  readonly jwk: JWK;
  /** A token signed by this key; header members replace those that it would have. */
  sign(claims: JWTPayload, header?: { readonly [name: string]: unknown }): Promise<string>;
}

/** A key pair with a name. */
export async function createKeyPair(kid: string, alg = "ES256"): Promise<KeyPair> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: "sig" };
  return {
    jwk,
    sign: (claims, header = {}) => new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey),
  };
}

export interface Issuer {
  readonly url: string;
  /** How often it was asked. */
  asked: number;
  /** What it publishes. */
  keys: readonly JWK[];
  /** Answers instead of the keys. */
  answer: ((incoming: IncomingMessage, outgoing: ServerResponse) => void) | undefined;
  close(): Promise<void>;
}

/** A server on this machine that publishes keys, as an identity provider does. */
export async function startIssuer(...keys: readonly KeyPair[]): Promise<Issuer> {
  const server = createServer((incoming, outgoing) => {
    issuer.asked++;
    if (issuer.answer) return issuer.answer(incoming, outgoing);
    outgoing.setHeader("content-type", "application/jwk-set+json").end(JSON.stringify({ keys: issuer.keys }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // It listens on TCP.
  const { port } = server.address() as AddressInfo;
  const issuer: Issuer = {
    url: `http://127.0.0.1:${port}/jwks.json`,
    asked: 0,
    keys: keys.map(({ jwk }) => jwk),
    answer: undefined,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return issuer;
}
