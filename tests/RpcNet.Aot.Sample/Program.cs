using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RpcNet;
using RpcNet.Aot.Sample;
using RpcNet.Client;
using RpcNet.Server;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.SystemNetQuic;

// A server and a client in one native process, over a real QUIC engine on loopback: the four kinds of call, a fault with its
// details, compression and a filter. eng/aot-check.sh publishes and runs it.
if (RuntimeFeature.IsDynamicCodeSupported && !args.Contains("--jit"))
{
    Console.Error.WriteLine("This is not the AOT-compiled program; --jit runs it all the same.");
    return 2;
}

ITransport transport = Ngtcp2Transport.IsSupported ? new Ngtcp2Transport() : new SystemNetQuicTransport();
Console.WriteLine($"engine: {transport.Name}");
using var certificate = CreateCertificate();
var compression = new RpcCompressionOptions { Algorithm = RpcCompressionAlgorithm.Brotli };
var filtered = 0;
var server = new RpcServer(
    new RpcServiceMap().AddService<IReadings>(new Readings()).AddBuiltInServices(),
    new RpcServerOptions
    {
        Compression = compression,
        Filters = [new RpcInlineFilter((context, next) =>
        {
            Interlocked.Increment(ref filtered);
            return next(context);
        })],
    });
await using var listener = await RpcListener.StartAsync(
    transport, new IPEndPoint(IPAddress.Loopback, 0), new TlsServerOptions { SelectIdentity = _ => new TlsIdentity(certificate) }, [server]);
await using var channel = new RpcChannel(transport, new RpcChannelOptions
{
    EndPoint = listener.LocalEndPoint,
    Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = CertificateValidators.CustomTrust(() => [certificate]) },
    ConnectTimeout = TimeSpan.FromMinutes(1), // for runs under valgrind
    Compression = compression,
});
var client = channel.CreateClient<IReadings>().WithTimeout(TimeSpan.FromSeconds(30));
var reading = new Reading(Guid.NewGuid(), DateTime.UtcNow, Unit.Kelvin, 1.5m, ["a"]);

var stamped = await client.StampAsync(reading, "b");
Check("unary", stamped.Id == reading.Id && stamped.Unit == Unit.Kelvin && stamped.Tags is ["a", "b"] && stamped.Counts!["b"] == 1);
var large = await client.StampAsync(reading, new string('x', 200_000));
Check("unary, large and compressed", large.Tags[1].Length == 200_000);
Check("server streaming", await Values(client.RepeatAsync(reading, 3)) is [1.5m, 2.5m, 3.5m]);
Check("client streaming", await client.SumAsync(Source(reading, 4)) == 6m);
Check("bidirectional", await Values(client.ScaleAsync(2, Source(reading, 2))) is [3m, 3m]);
try
{
    await client.FailAsync("lost");
    Check("fault", false);
}
catch (RpcFaultException e)
{
    Check("fault", e is { Status: RpcStatusCode.DataLoss, Message: "lost" } && e.Details.Span is [7]);
}

var describe = new RpcUnaryMethod<string, List<string>>("rpcnet.Describe", "Methods", RpcMarshaller.Value<string>(), RpcMarshaller.Value<List<string>>());
Check("describe", (await channel.InvokeUnaryAsync(describe, "aot.", null, default)).Count == 5);
Check("filter", filtered == 7);
Check("drain", await server.DrainAsync("done", TimeSpan.FromSeconds(5)));
Console.WriteLine("aot: all passed");
return 0;

static void Check(string what, bool passed)
{
    Console.WriteLine($"{(passed ? "ok" : "FAILED")}: {what}");
    if (!passed)
    {
        Environment.Exit(1);
    }
}

static async IAsyncEnumerable<Reading> Source(Reading reading, int count)
{
    for (var i = 0; i < count; i++)
    {
        await Task.Yield();
        yield return reading;
    }
}

static async Task<List<decimal>> Values(IAsyncEnumerable<Reading> readings)
{
    var values = new List<decimal>();
    await foreach (var item in readings)
    {
        values.Add(item.Value);
    }

    return values;
}

static X509Certificate2 CreateCertificate()
{
    using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
    var names = new SubjectAlternativeNameBuilder();
    names.AddDnsName("localhost");
    request.CertificateExtensions.Add(names.Build());
    request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
    var now = DateTimeOffset.UtcNow;
    return request.CreateSelfSigned(now.AddMinutes(-5), now.AddHours(1));
}
