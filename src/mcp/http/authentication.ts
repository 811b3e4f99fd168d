import { readFile } from 'node:fs/promises';
import {
  type AuthInfo,
  bearerAuthChallengeResponse,
  OAuthError,
  OAuthErrorCode,
  verifyBearerToken,
} from '@modelcontextprotocol/server';
import { Failure, foreignText } from '../../core/failure.ts';
import type { HttpConfig, JwtConfig } from '../../http-settings.ts';
import type { Log } from '../../log.ts';
import { type Caller, localCaller, type Scope } from '../caller.ts';
import { findToken, readTokens, type StoredToken } from './tokens.ts';

type Verify = (token: string) => Promise<AuthInfo>;

/** No symmetric ones: a published key must never be usable as a shared secret. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const clockToleranceSeconds = 30;

/** What an issuer's claims call scopes: `scope` (RFC 8693) or `scp`, as one string or as a list. */
function scopesOf(claims: Readonly<Record<string, unknown>>): string[] {
  const told = claims.scope ?? claims.scp;
  if (typeof told === 'string') return told.split(' ').filter(Boolean);
  return Array.isArray(told) ? told.filter((scope) => typeof scope === 'string') : [];
}

async function jwtVerifier({ issuer, audience, jwksUrl }: JwtConfig, log: Log): Promise<Verify> {
  const { createRemoteJWKSet, errors, jwtVerify } = await import('jose');
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 5_000 });
  const faults = [errors.JWTClaimValidationFailed, errors.JWTExpired, errors.JWTInvalid, errors.JWSInvalid];
  const refusals = [
    ...faults,
    errors.JWSSignatureVerificationFailed,
    errors.JOSEAlgNotAllowed,
    errors.JOSENotSupported,
    errors.JWKSNoMatchingKey,
    errors.JWKSMultipleMatchingKeys,
  ];
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ['exp', 'sub'],
      });
      if (typeof payload.sub !== 'string' || payload.sub === '') throw new errors.JWTInvalid('no subject');
      return {
        token: '',
        clientId: `${issuer}|${payload.sub}`,
        scopes: scopesOf(payload),
        // Checked above, with its tolerance; the SDK would check again without.
        expiresAt: Infinity,
      };
    } catch (error) {
      if (refusals.some((refusal) => error instanceof refusal))
        throw new OAuthError(OAuthErrorCode.InvalidToken, 'The token is not valid here');
      log.error('the keys of the JWT issuer could not be read', { error });
      throw new OAuthError(OAuthErrorCode.ServerError, 'Tokens cannot be checked at this moment');
    }
  };
}

async function loadTokens(path: string): Promise<StoredToken[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new Failure({
      kind: 'storage',
      message: `DIGITAL_HUMAN_HTTP_TOKENS_FILE cannot be read (${foreignText((error as NodeJS.ErrnoException).code)}).`,
      advice: 'Give the path of a readable file of tokens, or leave the setting out.',
      cause: error,
    });
  }
  return readTokens(text);
}

/** Tells who calls, or answers what a caller without a valid token is to be told. */
export interface Authentication {
  readonly required: boolean;
  identify(authorization: string | undefined): Promise<Caller | Response>;
  /** 403 with the challenge that the MCP authorization specification asks for (2025-11-25, scope challenges). */
  lacking(scope: Scope): Response;
  /** From now on challenges say where the metadata of the protected resource are (RFC 9728). */
  advertise(resourceMetadataUrl: string): void;
}

/** Reads the tokens file and makes ready for JWTs, as far as they are configured. */
export async function openAuthentication(config: HttpConfig, log: Log): Promise<Authentication> {
  let resourceMetadataUrl: string | undefined;
  const tokens = config.tokensFile === undefined ? [] : await loadTokens(config.tokensFile);
  const verifyJwt = config.jwt && (await jwtVerifier(config.jwt, log));
  const required = tokens.length > 0 || verifyJwt !== undefined;
  const verifier = {
    async verifyAccessToken(token: string): Promise<AuthInfo> {
      const stored = findToken(tokens, token);
      if (stored)
        return {
          token: '',
          clientId: `token:${stored.name}`,
          scopes: [...stored.scopes],
          expiresAt: Infinity,
        };
      if (verifyJwt) return verifyJwt(token);
      throw new OAuthError(OAuthErrorCode.InvalidToken, 'The token is not valid here');
    },
  };
  return {
    required,
    advertise(address) {
      resourceMetadataUrl = address;
    },
    async identify(authorization) {
      if (!required) return localCaller;
      try {
        const { clientId, scopes } = await verifyBearerToken(authorization, { verifier });
        return { principal: clientId, scopes: new Set(scopes) };
      } catch (error) {
        return bearerAuthChallengeResponse(error, { resourceMetadataUrl });
      }
    },
    lacking(scope) {
      const error = new OAuthError(OAuthErrorCode.InsufficientScope, `This call needs the scope ${scope}`);
      return bearerAuthChallengeResponse(error, { requiredScopes: [scope], resourceMetadataUrl });
    },
  };
}
