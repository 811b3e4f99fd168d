export const scopeNames = ['jobs:read', 'jobs:write'] as const;
export type Scope = (typeof scopeNames)[number];

/** On whose behalf a call is made. Jobs belong to principals. */
export interface Caller {
  /** `token:` and its name, or issuer and subject of a JWT; '' is the one user of this machine. */
  readonly principal: string;
  readonly scopes: ReadonlySet<string>;
}

/** Whoever started this process, or reaches it on loopback where no authentication is configured. */
export const localCaller: Caller = { principal: '', scopes: new Set(scopeNames) };
