using System.Globalization;
using System.Net;
using System.Net.Security;
using RpcNet.Testing;
using RpcNet.Transports.Peer;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

if (args[0] == "violate")
{
    Violations.Commit(args[1]);
    return;
}

// A process for a test to kill: listens with the engine that the first argument names, says its port, and holds on to every
// connection until its input ends.
ITransport transport = args[0] == "Ngtcp2" ? new Ngtcp2Transport() : new SystemNetQuicTransport();
await using var listener = await transport.ListenAsync(new TransportListenerOptions
{
    EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
    ApplicationProtocols = [new SslApplicationProtocol(args[1])],
    IdleTimeout = TimeSpan.FromSeconds(30),
    Tls = new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server, ClientCertificates = ClientCertificateMode.None },
});
Console.WriteLine(listener.LocalEndPoint.Port.ToString(CultureInfo.InvariantCulture));
var held = new List<ITransportConnection>();
_ = Task.Run(async () =>
{
    while (true)
    {
        held.Add(await listener.AcceptAsync());
    }
});
await Console.In.ReadToEndAsync();
