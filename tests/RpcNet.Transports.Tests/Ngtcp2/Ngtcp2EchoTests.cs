using System.Net;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class Ngtcp2EchoTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Stream_Echo_ReturnsTheBytesAndTheFin(string address)
    {
        await using var pair = await Ngtcp2Pair.StartAsync(Ngtcp2Pair.ListenerOptions(new IPEndPoint(IPAddress.Parse(address), 0)));
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        var echo = EchoOneAsync(server);
        await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        var sent = new byte[300_000];
        new Random(1).NextBytes(sent);
        var write = stream.WriteAsync(sent, endStream: true);
        var received = new MemoryStream();
        var buffer = new byte[10_000];
        while (await stream.ReadAsync(buffer).AsTask().WaitAsync(s_limit) is var read and > 0)
        {
            received.Write(buffer, 0, read);
        }

        await write;
        Assert.Equal(sent, received.ToArray());
        await stream.WritesClosed.WaitAsync(s_limit);
        await echo.WaitAsync(s_limit);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Connection_MutualTls_GivesBothCertificates(bool rsa)
    {
        var identity = TestCertificates.Shared.Issue("localhost", client: false, rsa);
        await using var pair = await Ngtcp2Pair.StartAsync(
            Ngtcp2Pair.ListenerOptions(mode: ClientCertificateMode.Required, identity: identity));
        var (client, server) = await pair
            .ConnectAsync(Ngtcp2Pair.ConnectOptions(pair.Listener.LocalEndPoint, TestCertificates.Shared.Client)).WaitAsync(s_limit);
        Assert.Equal("CN=localhost", client.RemoteCertificate!.Subject);
        Assert.Equal("CN=client", server.RemoteCertificate!.Subject);
    }

    [Fact]
    public async Task Close_WithCode_ReachesThePeer()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        await client.CloseAsync(42);
        var seen = await server.Closed.WaitAsync(s_limit);
        Assert.Equal(TransportError.ConnectionAborted, seen.Error);
        Assert.Equal(42, seen.ApplicationErrorCode);
        Assert.Equal(TransportError.Disposed, (await client.Closed).Error);
    }

    private static async Task EchoOneAsync(ITransportConnection connection)
    {
        await using var stream = await connection.AcceptStreamAsync();
        var buffer = new byte[16_384];
        while (true)
        {
            var read = await stream.ReadAsync(buffer);
            await stream.WriteAsync(buffer.AsMemory(0, read), endStream: read == 0);
            if (read == 0)
            {
                await stream.WritesClosed;
                return;
            }
        }
    }
}
