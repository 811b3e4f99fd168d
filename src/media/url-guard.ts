import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Failure, quoted } from '../core/failure.ts';

function refused(address: string): Failure {
  return new Failure({
    kind: 'permission',
    message: `The address ${quoted(address, 120)} is not a public one and is not opened.`,
    advice:
      'Use a public http or https address, or set DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES=on for a private store.',
    stage: 'not_sent',
  });
}

function unopened(message: string): Failure {
  return new Failure({
    kind: 'permission',
    message,
    advice: 'Use a public http or https address that opens without a login.',
    stage: 'not_sent',
  });
}

/** Looks public, and answers inside every Azure machine only: its platform's own channel. */
const azurePlatform = '168.63.129.16';

/** The only part of IPv6 that is given out for the open internet (IANA); the library calls the rest unicast too. */
const globalUnicast = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];

/** True for addresses on the open internet: not private, loopback, link-local, metadata, multicast or reserved. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const plain = ipaddr.process(address);
  if (plain instanceof ipaddr.IPv6 && !plain.match(globalUnicast)) return false;
  return plain.range() === 'unicast' && plain.toString() !== azurePlatform;
}

/**
 * Checks a URL before it is opened: http or https, no user name, and no literal address that is not public.
 * Every spelling of an IPv4 address (decimal, hex, octal, mapped) has been made plain by the URL parser.
 */
export function checkUrl(url: URL, allowPrivate: boolean): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw unopened(`An address that begins with ${quoted(url.protocol, 30)} is not opened.`);
  // Never sent anyway; what it is good for is to make one host look like another.
  if (url.username !== '' || url.password !== '')
    throw unopened(`The address at ${quoted(url.hostname, 120)} has a user name in it and is not opened.`);
  if (allowPrivate) return;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (ipaddr.isValid(host) && !isPublicAddress(host)) throw refused(host);
}

type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Name resolution that hands a connection public addresses only: what was checked is what is connected to,
 * so an answer that changes later changes nothing.
 */
export function guardedLookup(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0);
      const [first] = addresses;
      if (!first || addresses.some(({ address }) => !isPublicAddress(address)))
        return callback(refused(hostname), '', 0);
      if (options.all) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}

/** The system's name resolution, guarded. */
export const publicLookup = guardedLookup(systemLookup);
