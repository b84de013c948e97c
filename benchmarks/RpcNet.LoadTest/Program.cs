using System.Runtime.InteropServices;
using RpcNet.LoadTest.Children;
using RpcNet.LoadTest.Coordination;
using RpcNet.LoadTest.Systems;

const string Help = """
    Shows RpcNet beside its peers: the same work, the same machine, the same run.

    compare                        runs all systems, each as a server and a client process, in interleaved rounds
      --systems NAMES              rpcnet,grpc,streamjsonrpc,orleans,bare (default: all; rpcnet and bare mean every engine
                                   that loads, rpcnet/Ngtcp2 means one); rpcnet-noscope: without host and DI scope
      --scenarios NAMES            default: all; --help-scenarios lists them; groups: payloads, streams
      --concurrency NUMBERS        calls in flight of the scenario unary (default 1,64,512)
      --seconds S                  measured time of a window (default 2)
      --rounds N                   windows of each system in each scenario; results are medians (default 3)
      --warmup S                   load before the first window (default 2)
      --connections N              idle connections (default 10,000; needs that many file descriptors)
      --json FILE                  writes the rows
      --html FILE                  writes a self-contained page with bars
      --quick                      a smoke run: one short round of a few scenarios; options after it refine it

    server SYSTEM                  serves alone and prints "ready {address}"; ends with its input
    client SYSTEM SCENARIO --server PORT,CERTIFICATE [--concurrency N] [--seconds S]
                                   runs one window against such a server, for instance under a profiler
    """;

try
{
    switch (args)
    {
        case ["--help" or "-h" or "help"] or [] or ["compare" or "server" or "client", "--help" or "-h"] or ["compare", .., "--help" or "-h"]:
            Console.WriteLine(Help);
            return 0;
        case ["compare", .. var options]:
            return await CompareCommand.RunAsync(CompareOptions.Parse(options));
        case ["server", var system]:
            using (IgnoreInterrupts())
            {
                return await ServerProcess.RunAsync(Find(system));
            }

        case ["client", var system, "--server", var address]:
            using (IgnoreInterrupts())
            {
                return await ClientProcess.RunAsync(Find(system), ParseAddress(address));
            }

        case ["client", var system, var scenario, .. var options]:
            return await RunOnceAsync(Find(system), Scenario.Select([scenario])[0], options);
        case ["--help-scenarios"]:
            foreach (var scenario in Scenario.All)
            {
                Console.WriteLine($"{scenario.Name,-14} {scenario.Title}");
            }

            return 0;
        default:
            throw new UsageException($"'{string.Join(' ', args)}' is no command; try --help");
    }
}
catch (UsageException e)
{
    Console.Error.WriteLine($"rpcnet-loadtest: {e.Message}");
    return 2;
}

// Ctrl+C reaches the whole process group; the coordinator alone acts on it and ends the children.
static PosixSignalRegistration IgnoreInterrupts() => PosixSignalRegistration.Create(PosixSignal.SIGINT, static signal => signal.Cancel = true);

static LoadSystem Find(string name) => LoadSystem.All.FirstOrDefault(s => (s.Id == name || s.Name == name) && s.Unavailable is null)
    ?? throw new UsageException($"the system '{name}' does not exist or cannot run here");

static ServerAddress ParseAddress(string text)
{
    var comma = text.IndexOf(',', StringComparison.Ordinal);
    return new ServerAddress((int)CompareOptions.Number("--server", text[..Math.Max(0, comma)], 1, 65_535), text[(comma + 1)..]);
}

static Task<int> RunOnceAsync(LoadSystem system, Scenario scenario, IEnumerable<string> options)
{
    var order = new WorkOrder
    {
        Kind = scenario.Kind, PayloadBytes = scenario.PayloadBytes, Concurrency = scenario.Concurrency?[0] ?? 64, Seconds = 5, RampSeconds = 2,
    };
    ServerAddress? address = null;
    var rest = new Queue<string>(options);
    while (rest.TryDequeue(out var name))
    {
        var value = CompareOptions.Value(name, rest);
        switch (name)
        {
            case "--server":
                address = ParseAddress(value);
                break;
            case "--concurrency":
                order = order with { Concurrency = (int)CompareOptions.Number(name, value, 1, 4096) };
                break;
            case "--seconds":
                order = order with { Seconds = CompareOptions.Number(name, value, 0.1, 600) };
                break;
            default:
                throw new UsageException($"{name} is no option of client; try --help");
        }
    }

    return ClientProcess.RunOnceAsync(system, address ?? throw new UsageException("client needs --server PORT,CERTIFICATE"), order);
}
