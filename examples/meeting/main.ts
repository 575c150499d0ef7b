// Two programs that do not know where the other one is meet through a directory. Then the directory is gone, and they go
// on talking. Here all three are in one process; over a network nothing else changes.

import { call, defineService, ServiceMap } from "@troupe/core";
import { Directory, DirectoryClient, directoryServices } from "@troupe/core/network";
import { link, listen, tcp } from "@troupe/node";

const Weather = defineService("weather", { at: call<string, string>() });

// The directory: an index, and whatever it is to be reached at.
const directory = await Directory.open(); // in memory; `lmdbStore` keeps entries on a disk
const door = await listen("tcp://127.0.0.1:0", { services: directoryServices(directory) });

// The provider listens somewhere, and says so. The client of the directory renews its entry as long as it is open.
const station = await listen("tcp://127.0.0.1:0", {
  services: new ServiceMap().add(Weather, { at: (place) => `${place}: a light breeze` }),
});
const stationLink = link(door.endpoint);
const stationClient = new DirectoryClient(stationLink);
const own = await stationClient.register({ name: "station", endpoints: [station.endpoint], services: ["weather"] });
console.log(`registered: ${own.entry.name}, version ${own.entry.version}`);

// Somebody who needs a service asks for its name, and gets a link to whoever offers it.
const touristLink = link(door.endpoint);
const tourist = new DirectoryClient(touristLink, { freshMs: 0, patienceMs: 200 });
tourist.on("away", () => console.log("the directory is away"));
const { entries } = await tourist.list({ service: "weather" });
const [found] = entries;
if (found === undefined) throw new Error("nobody offers the weather");
console.log(`found:      ${found.name}`);
const toStation = tourist.peerTo(found.uuid, { transports: [tcp()] });
const weather = toStation.address(Weather);
console.log(`answer:     ${await weather.call("at", "Naples")}`);

await directory.close(); // ends the watches, which its listener would wait for
await door.close();

// The call goes from one to the other. What the directory said is remembered, and marked as what it is.
console.log(`answer:     ${await weather.call("at", "Genoa")}`);
const remembered = await tourist.query(found.uuid);
console.log(`remembered: ${remembered?.name}, ${remembered?.isStale === true ? "stale" : "fresh"}`);

// The links first: nobody is there whom the clients could tell anything.
await Promise.all([toStation.close(), touristLink.close(), stationLink.close()]);
await Promise.all([tourist.close(), stationClient.close()]);
await station.close();
