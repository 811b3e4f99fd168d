import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { control, ivh, MediaServer, probe } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator();
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(() => control(emulator, 'reset', {}));

const ask = (name: string, payload: object, bend = {}) =>
  ivh(emulator, `/v2/ivh/crmserver/customerassetservice/${name}`, payload, bend);
const all = { PageIndex: 1, PageSize: 100 };
const listed = async (name: string, payload: object) => {
  const { body } = await ask(name, { ...all, ...payload });
  expect(body.Header).toMatchObject({ Code: 0, DialogID: '' });
  return body.Payload;
};

describe('the asset API', () => {
  it('lists anchors by type, and small samples nowhere but in their own list', async () => {
    const found = await listed('getanchor', { VirtualmanTypeCode: 'real_man_2d' });
    expect(found.Total).toBe(2);
    expect(Object.keys(found.Virtualmans[0]).toSorted()).toEqual([
      'AnchorCode',
      'AnchorName',
      'Gender',
      'HeaderImage',
      'PurchaseType',
      'Tag',
      'VirtualmanType',
      'VirtualmanTypeCode',
    ]);
    expect((await listed('getanchor', { VirtualmanTypeCode: 'real_man_3d' })).Total).toBe(1);
    expect((await listed('getanchor', { VirtualmanTypeCode: 'small_sample_2d' })).Total).toBe(0);
    const one = { VirtualmanTypeCode: 'real_man_2d', AnchorCodes: ['anchor_haoran'], PurchaseType: 'Lease' };
    expect((await listed('getanchor', one)).Virtualmans[0]).toMatchObject({
      AnchorName: '浩然',
      Tag: 'Advanced',
    });
  });

  it('lists the avatars of an anchor, with the keys that the vendor’s samples use', async () => {
    const found = await listed('getimagebyanchor', { VirtualmanTypeCode: 'real_man_2d' });
    const keys = found.Virtualmans.map(({ VirtualmanKey }: { VirtualmanKey: string }) => VirtualmanKey);
    expect(keys).toContain('k3dda2d3b56f4ec89778f2e032c2e294');
    expect(keys).toContain('2c3f4c11d1e54b7693156b060990544d');
    expect(new Set(keys).size).toBe(found.Total);
    expect(found.Virtualmans[0]).toMatchObject({
      Resolution: '1920x1080',
      OriginZoom: '1.000',
      VideoDuration: 0,
    });
    const key = { VirtualmanTypeCode: 'real_man_2d', VirtualmanKey: keys[1] };
    expect((await listed('getimagebyanchor', key)).Total).toBe(1);
  });

  it('lists small samples, the expired one among them', async () => {
    const found = await listed('describesmallsampleimage', {});
    expect(found.Total).toBeGreaterThanOrEqual(4);
    const expired = found.Virtualmans.filter(
      ({ ExpireTime }: { ExpireTime: number }) => ExpireTime < Date.now(),
    );
    expect(expired).toHaveLength(1);
    expect(found.Virtualmans[0]).toMatchObject({
      BackgroundChangeable: true,
      OriginZoom: 0.667,
      OriginZoomStr: '0.667',
    });
    expect((await listed('describesmallsampleimage', { AnchorCodes: ['anchor_emma'] })).Total).toBe(2);
  });

  it('lists voices, by key, name and purchase', async () => {
    const found = await listed('describetimbre', {});
    expect(found.Total).toBeGreaterThanOrEqual(30);
    expect(found.TimbreAssets).toHaveLength(found.Total);
    const one = await listed('describetimbre', { TimbreKey: 'tts_female_emma_multi' });
    expect(one.TimbreAssets).toHaveLength(1);
    expect(one.TimbreAssets[0].TimbreLanguages).toContain('de-DE');
    const two = { TimbreKey: 'male_1', TimbreKeyList: ['male_2', 'female_2', 'nobody'] };
    expect((await listed('describetimbre', two)).Total).toBe(2);
    expect((await listed('describetimbre', { TimbreName: '女声' })).Total).toBe(12);
    expect((await listed('describetimbre', { PurchaseType: 'Custom' })).Total).toBe(2);
    const feeling = found.TimbreAssets.filter(
      ({ EmotionalCategories: list }: { EmotionalCategories: string[] }) => list.length > 0,
    );
    expect(feeling.length).toBeGreaterThan(0);
  });

  it('lists actions of 3D avatars only, and services', async () => {
    const three = await listed('getaction', { VirtualmanKey: '7a8b9c0d1e2f43a4b5c6d7e8f9a0b101' });
    expect(three.Actions.map(({ ActionCode }: { ActionCode: string }) => ActionCode)).toContain('action1');
    expect(
      (await listed('getaction', { VirtualmanKey: 'k3dda2d3b56f4ec89778f2e032c2e294' })).Actions,
    ).toEqual([]);
    const services = await listed('getserviceasset', {});
    expect(services.ServiceAssetInfos[0]).toHaveProperty('BroadcastHourInfoDetail');
    expect((await listed('getserviceasset', { ServiceType: 'BroadcastConcurrency' })).Total).toBe(1);
  });

  it('turns pages: the first is 1, and 0 gives it too', async () => {
    const page = async (PageIndex: number) => {
      const { body } = await ask('describetimbre', { PageIndex, PageSize: 7 });
      return body.Payload.TimbreAssets.map(({ TimbreKey }: { TimbreKey: string }) => TimbreKey);
    };
    const { Total } = await listed('describetimbre', {});
    expect(await page(0)).toEqual(await page(1));
    const seen: string[] = [];
    for (let index = 1; index <= Math.ceil(Total / 7); index += 1) seen.push(...(await page(index)));
    expect(new Set(seen).size).toBe(Total);
    expect(await page(99)).toEqual([]);
  });

  it('serves a picture of each avatar, as large as it says, and a sample of each voice', async () => {
    const found = await listed('getimagebyanchor', { VirtualmanTypeCode: 'real_man_3d' });
    const picture = await probe(found.Virtualmans[0].PoseImage, media.folder);
    expect(picture).toMatchObject({ size: '540x960', video: 'png' });
    const { TimbreAssets } = await listed('describetimbre', { TimbreKey: 'male_1' });
    expect((await probe(TimbreAssets[0].TimbreSample, media.folder)).seconds).toBeGreaterThan(0.5);
    expect((await fetch(`${emulator.url}/_assets/pose/nobody.png`)).status).toBe(404);
    expect((await fetch(`${emulator.url}/_assets/../x`)).status).toBe(404);
  });

  it.each([
    ['describetimbre', { PageSize: 10 }, 100001, 'PageIndex is required'],
    ['describetimbre', { PageIndex: 1 }, 100001, 'PageSize is required'],
    ['describetimbre', { PageIndex: '1', PageSize: 10 }, 100001, 'PageIndex type invalid'],
    ['describetimbre', { PageIndex: 1, PageSize: 101 }, 100002, 'PageSize value invalid, ranges:1-100'],
    ['describetimbre', { PageIndex: 1, PageSize: 0 }, 100002, 'PageSize'],
    ['describetimbre', { PageIndex: -1, PageSize: 5 }, 100002, 'PageIndex'],
    ['describetimbre', { ...all, TimbreKeyList: 'male_1' }, 100001, 'TimbreKeyList'],
    ['getanchor', all, 100001, 'VirtualmanTypeCode is required'],
    ['getanchor', { ...all, VirtualmanTypeCode: 'robot' }, 100002, 'VirtualmanTypeCode'],
    [
      'getimagebyanchor',
      { ...all, VirtualmanTypeCode: 'real_man_2d', PurchaseType: 'Gift' },
      100002,
      'PurchaseType',
    ],
    ['getaction', {}, 100001, 'VirtualmanKey is required'],
    ['getaction', { VirtualmanKey: 'nobody' }, 100016, 'nobody'],
  ])('%s refuses %j with %i', async (name, payload, code, text) => {
    const { body } = await ask(name, payload);
    expect(body.Header.Code).toBe(code);
    expect(body.Header.Message).toContain(text);
    expect(body.Payload).toBeUndefined();
  });

  it('wants the same signature, and counts as a list', async () => {
    expect((await ask('describetimbre', all, { secretKey: 'wrong' })).body.Header.Code).toBe(100005);
    await control(emulator, 'faults', { call: 'list', fault: 'server_error', status: 503 });
    expect((await ask('describetimbre', all)).status).toBe(503);
    expect((await ask('describetimbre', all)).body.Header.Code).toBe(0);
    expect(await control(emulator, 'requests')).toMatchObject({ list: 3, submit: 0 });
    expect((await ask('nosuchcall', all)).body.Header.Code).toBe(100009);
  });
});
