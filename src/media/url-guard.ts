import { lookup as systemLookup, type LookupAddress } from 'node:dns';
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

/** True for addresses on the open internet: not private, loopback, link-local, metadata, multicast or reserved. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}

/**
 * Checks a URL before it is opened: http or https, and no literal address that is not public.
 * Every spelling of an IPv4 address (decimal, hex, octal, mapped) has been made plain by the URL parser.
 */
export function checkUrl(url: URL, allowPrivate: boolean): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused(url.protocol);
  if (allowPrivate) return;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (ipaddr.isValid(host) && !isPublicAddress(host)) throw refused(host);
}

/** Name resolution that hands a connection public addresses only: what was checked is what is connected to. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, '', 0);
    const [first] = addresses;
    if (!first || addresses.some(({ address }) => !isPublicAddress(address)))
      return callback(refused(hostname), '', 0);
    if (options.all) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
};
