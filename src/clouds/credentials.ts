import { Failure } from '../core/failure.ts';
import { type Cloud, clouds } from '../core/operation.ts';

/** The environment variables that hold each cloud's keys. */
export const variablesOf: Readonly<Record<Cloud, string>> = {
  vclm: 'TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY',
  vclm_intl:
    'TENCENTCLOUD_INTL_SECRET_ID and TENCENTCLOUD_INTL_SECRET_KEY (or the common TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY)',
  ivh: 'IVH_APP_KEY and IVH_ACCESS_TOKEN',
  dashscope: 'DASHSCOPE_API_KEY',
};

/** What to answer when a cloud without keys is called. */
export function missingKeys(cloud: Cloud): Failure {
  return new Failure({
    kind: 'credentials',
    message: `${clouds[cloud]} has no keys here. Nothing was sent.`,
    advice: `Set ${variablesOf[cloud]} in the server's environment and start it again; or start it with --sandbox, which needs no keys and costs nothing.`,
  });
}
