using System.Net;
using RpcNet.Server;
using RpcNet.Testing;
using RpcNet.Transports;

namespace RpcNet.Interop.Tests;

/// <summary>
/// The client of rpcnet/1 in interop/go/rpcclient, written in Go from docs/wire-protocol.md alone, against a server of each
/// engine.
/// </summary>
public sealed class WireProtocolTests(CertificateFiles files) : IClassFixture<CertificateFiles>
{
    private static readonly (string Scenario, string Printed)[] s_scenarios =
    [
        ("unary", "-3"),
        ("concurrent", "500 calls"),
        ("metadata", "ann 0102ff [greeted yes] [count-bin [1]]"),
        ("large", "1000000 true"),
        ("largeResponse", "1000000 1000000"),
        ("serverStreaming", "10 11 12 EOF"),
        ("clientStreaming", "499500"),
        ("bidirectional", "3 6 9 EOF"),
        ("fault", "fault 5 \"no such row\" details c0ffee not executed false"),
        ("unknownMethod", "12 true"),
        ("deadline", "4 true"),
        ("cancel", "1"),
        ("cancelStream", "1 2 cancelled"),
        ("health", "SERVING"),
        ("drain", "draining true\n14 true"),
    ];

    public static TheoryData<string, string, string> Scenarios
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (var engine in new[] { Engines.Ngtcp2, Engines.SystemNetQuic })
            {
                foreach (var (scenario, printed) in s_scenarios)
                {
                    data.Add(engine, scenario, printed);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Scenarios))]
    public async Task Server_CalledByTheClientInGo_AnswersAsDocumented(string engine, string scenario, string printed)
    {
        var transport = Engines.Create(engine);
        var drain = Task.CompletedTask;
        RpcServer? server = null;
        var services = new RpcServiceMap()
            .AddService<IInteropProbe>(new InteropProbe(() => drain = server!.DrainAsync("maintenance", TimeSpan.FromSeconds(20))))
            .AddBuiltInServices();
        server = new RpcServer(services, new RpcServerOptions());
        await using var listener = await RpcListener.StartAsync(
            transport,
            new IPEndPoint(IPAddress.Loopback, 0),
            new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
            [server]);
        await using var client = PeerProcess.StartGo("rpcclient", $"127.0.0.1:{listener.LocalEndPoint.Port}", files.Roots, scenario);

        var (code, output) = await client.ReadToEndAsync();

        Assert.Equal(printed + "\n", output);
        Assert.Equal(0, code);
        await drain.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void Client_ItsLength_IsAtMostFourHundredLines()
    {
        var folder = Path.Combine(Repository.Root, "interop", "go", "rpcclient");
        Assert.InRange(
            File.ReadLines(Path.Combine(folder, "client.go")).Count() + File.ReadLines(Path.Combine(folder, "msgpack.go")).Count(), 1, 400);
    }
}
