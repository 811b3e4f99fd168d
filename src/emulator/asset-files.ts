import { stat } from 'node:fs/promises';
import type { AssetLinks } from './assets.ts';
import { anchorOf, findAvatar, findTimbre } from './catalogue.ts';
import type { Reply } from './exchange.ts';
import { drawFigure } from './figure.ts';
import type { Rendered, Studio } from './render.ts';
import { SpeechUnavailable, speak } from './speech.ts';

const prefix = '/_assets/';

/** Where the pictures and voice samples of the catalogue are. They are public, as the clouds' are. */
export function assetLinks(base: string): AssetLinks {
  return {
    pose: (key) => `${base}${prefix}pose/${key}.png`,
    voice: (key) => `${base}${prefix}voice/${key}.wav`,
  };
}

async function sample(studio: Studio, key: string): Promise<Rendered | undefined> {
  const timbre = findTimbre(key);
  if (!timbre) return undefined;
  const language = timbre.languages[0] ?? 'zh-CN';
  const line = language === 'zh-CN' ? '你好，这是我的声音。' : 'Hello, this is my voice.';
  const settings = { speed: 1, volume: 0, timbreKey: timbre.gender === 1 ? 'male' : 'female', longest: 10 };
  try {
    const { wav } = await speak(line, { ...settings, language });
    return await studio.keep(wav, 'wav');
  } catch (error) {
    if (error instanceof SpeechUnavailable) return undefined;
    throw error;
  }
}

async function pose(studio: Studio, key: string): Promise<Rendered | undefined> {
  const avatar = findAvatar(key);
  return avatar && studio.keep(drawFigure(anchorOf(avatar).look), 'png');
}

/** Serves a picture or a voice of the catalogue; undefined when the address is not one of its. */
export async function answerAssetFile(path: string, studio: Studio): Promise<Reply | undefined> {
  if (!path.startsWith(prefix)) return undefined;
  const [, kind, key = ''] = /^(pose|voice)\/(\w+)\.(?:png|wav)$/.exec(path.slice(prefix.length)) ?? [];
  const found = kind === 'pose' ? await pose(studio, key) : kind && (await sample(studio, key));
  if (!found) return { status: 404, type: 'text/plain', body: 'There is no such asset.' };
  const { size } = await stat(found.path);
  const type = found.ending === 'png' ? 'image/png' : 'audio/wav';
  return { status: 200, type, body: { file: found.path, start: 0, end: size - 1 } };
}
