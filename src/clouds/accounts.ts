import type { Cloud } from '../core/operation.ts';
import { type DashscopeAccount, dashscopeConnection } from './dashscope/connection.ts';
import { CloudClock, type CloudConnection } from './exchange.ts';
import type { Clock, Http } from './http.ts';
import { type IvhAccount, ivhConnection } from './tencent-ivh/connection.ts';
import { type VclmAccount, vclmConnection } from './tencent-vclm/connection.ts';

/** The accounts that are configured; a cloud without keys is absent. */
export interface Accounts {
  readonly vclm?: VclmAccount;
  readonly vclm_intl?: VclmAccount;
  readonly ivh?: IvhAccount;
  readonly dashscope?: DashscopeAccount;
}

export type Connections = Readonly<Partial<Record<Cloud, CloudConnection>>>;

/** Opens a connection for every configured account. Nothing is sent until the first call. */
export function openConnections(accounts: Accounts, http: Http, clock: Clock): Connections {
  const { vclm, vclm_intl, ivh, dashscope } = accounts;
  return {
    ...(vclm && { vclm: vclmConnection('vclm', vclm, http, new CloudClock(clock)) }),
    ...(vclm_intl && { vclm_intl: vclmConnection('vclm_intl', vclm_intl, http, new CloudClock(clock)) }),
    ...(ivh && { ivh: ivhConnection(ivh, http, new CloudClock(clock)) }),
    ...(dashscope && { dashscope: dashscopeConnection(dashscope, http, clock) }),
  };
}
