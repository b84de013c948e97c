using System.Net;
using System.Net.Sockets;

namespace RpcNet.Transports.Tests.Conformance;

public abstract partial class TransportConformance
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Connect_ByAddress_BothSidesKnowTheirEndPoints(string address)
    {
        var bind = new IPEndPoint(IPAddress.Parse(address), 0);
        var pair = await ConnectPairAsync(new Settings { Bind = bind });

        Assert.Equal(bind.Address, pair.Listener.LocalEndPoint.Address);
        Assert.NotEqual(0, pair.Listener.LocalEndPoint.Port);
        Assert.Equal(pair.Listener.LocalEndPoint, pair.Client.RemoteEndPoint);
        Assert.Equal(pair.Listener.LocalEndPoint, pair.Server.LocalEndPoint);
        Assert.Equal(pair.Client.LocalEndPoint, pair.Server.RemoteEndPoint);
        Assert.Equal(bind.Address, pair.Client.LocalEndPoint.Address);
        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Connect_ByDnsName_Works()
    {
        var listener = await ListenAsync();
        var target = new DnsEndPoint("localhost", listener.LocalEndPoint.Port);

        var pair = await ConnectPairAsync(listener, target);

        Assert.Equal(listener.LocalEndPoint, pair.Client.RemoteEndPoint);
        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Connect_ByDnsNameThatListensOnIPv6Only_TriesEveryAddress()
    {
        var addresses = await ResolveLocalhostAsync();
        Assert.SkipUnless(
            addresses.Contains(IPAddress.IPv6Loopback) && addresses.Contains(IPAddress.Loopback),
            "localhost has only one address family on this machine");
        var settings = new Settings { HandshakeTimeout = TimeSpan.FromSeconds(5) };
        var listener = await ListenAsync(settings with { Bind = new IPEndPoint(IPAddress.IPv6Loopback, 0) });

        var pair = await ConnectPairAsync(listener, new DnsEndPoint("localhost", listener.LocalEndPoint.Port), settings);

        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Connect_WithoutEarlyData_HandshakeIsCompleteWhenTheConnectionIsHandedOut()
    {
        var pair = await ConnectPairAsync(new Settings());

        Assert.True(pair.Client.HandshakeCompleted.IsCompletedSuccessfully);
        Assert.True(pair.Server.HandshakeCompleted.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Connect_UnknownHost_HostNotFound() =>
        await ExpectAsync(TransportError.HostNotFound, () => ConnectAsync(new DnsEndPoint("no-such-host.invalid", 4433)));

    [Fact]
    public async Task Connect_NobodyListens_RefusedOrTimedOut()
    {
        var target = FreeEndPoint();
        var settings = new Settings { HandshakeTimeout = TimeSpan.FromSeconds(1) };

        await ExpectAsync(
            [TransportError.ConnectionRefused, TransportError.HandshakeTimeout],
            () => ConnectAsync(target, settings));
    }

    [Fact]
    public async Task Connect_PeerIsSilent_HandshakeTimeout()
    {
        var listener = await ListenAsync();
        var path = Own(CreatePath(listener.LocalEndPoint));
        path.Cut();
        var settings = new Settings { HandshakeTimeout = TimeSpan.FromSeconds(1) };

        await ExpectAsync(TransportError.HandshakeTimeout, () => ConnectAsync(path.EndPoint, settings));
    }

    [Fact]
    public async Task Connect_ListenerGone_RefusedOrTimedOut()
    {
        var listener = await ListenAsync();
        var target = listener.LocalEndPoint;
        await listener.DisposeAsync();
        var settings = new Settings { HandshakeTimeout = TimeSpan.FromSeconds(1) };

        await ExpectAsync(
            [TransportError.ConnectionRefused, TransportError.HandshakeTimeout],
            () => ConnectAsync(target, settings));
    }

    [Fact]
    public async Task Connect_SeveralAlpnsInCommon_OneOfThemAgreedByBothSides()
    {
        var pair = await ConnectPairAsync(new Settings { ServerAlpns = [Alpn, OtherAlpn], ClientAlpns = [Alpn, OtherAlpn] });

        Assert.Equal(Alpn, pair.Client.ApplicationProtocol);
        Assert.Equal(Alpn, pair.Server.ApplicationProtocol);
    }

    [Fact]
    public async Task Connect_OneListenerTwoAlpns_EachClientGetsItsOwn()
    {
        var settings = new Settings { ServerAlpns = [Alpn, OtherAlpn] };
        var listener = await ListenAsync(settings);

        var first = await ConnectPairAsync(listener, listener.LocalEndPoint, settings with { ClientAlpns = [Alpn] });
        var second = await ConnectPairAsync(listener, listener.LocalEndPoint, settings with { ClientAlpns = [OtherAlpn] });

        Assert.Equal((Alpn, Alpn), (first.Client.ApplicationProtocol, first.Server.ApplicationProtocol));
        Assert.Equal((OtherAlpn, OtherAlpn), (second.Client.ApplicationProtocol, second.Server.ApplicationProtocol));
    }

    [Fact]
    public async Task Connect_NoAlpnInCommon_MismatchAndTheListenerGoesOn()
    {
        var listener = await ListenAsync();

        await ExpectAsync(
            TransportError.ApplicationProtocolMismatch,
            () => ConnectAsync(listener.LocalEndPoint, new Settings { ClientAlpns = [OtherAlpn] }));

        await EchoOnceAsync(await ConnectPairAsync(listener, listener.LocalEndPoint));
    }

    [Fact]
    public async Task Listen_PortTaken_AddressInUse()
    {
        var listener = await ListenAsync();

        await ExpectAsync(TransportError.AddressInUse, () => ListenAsync(new Settings { Bind = listener.LocalEndPoint }));

        await EchoOnceAsync(await ConnectPairAsync(listener, listener.LocalEndPoint));
    }

    [Fact]
    public async Task Listen_AddressOfAnotherMachine_AddressUnavailable() =>
        await ExpectAsync(
            TransportError.AddressUnavailable,
            () => ListenAsync(new Settings { Bind = new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0) }));

    [Fact]
    public async Task Listen_AfterDisposal_PortIsFreeAgain()
    {
        var listener = await ListenAsync();
        var bind = listener.LocalEndPoint;
        await listener.DisposeAsync();

        var again = await ListenAsync(new Settings { Bind = bind });

        Assert.Equal(bind, again.LocalEndPoint);
        await EchoOnceAsync(await ConnectPairAsync(again, bind));
    }

    [Fact]
    public async Task Listener_ManyConnections_AllAreServed()
    {
        const int Count = 50;
        var listener = await ListenAsync();

        var clients = Task.WhenAll(Enumerable.Range(0, Count).Select(_ => ConnectAsync(listener.LocalEndPoint)));
        var servers = new List<ITransportConnection>();
        while (servers.Count < Count)
        {
            servers.Add(await AcceptAsync(listener));
        }

        var byClient = servers.ToDictionary(s => s.RemoteEndPoint);
        await Task.WhenAll((await clients).Select(
            client => EchoOnceAsync(new Pair(listener, client, byClient[client.LocalEndPoint]))));
    }

    [Fact]
    public async Task Listener_Disposed_PendingAndLaterAcceptsEnd()
    {
        var listener = await ListenAsync();
        var pending = listener.AcceptAsync(Limit).AsTask();

        await listener.DisposeAsync();
        await listener.DisposeAsync();

        await ExpectAsync(TransportError.Disposed, () => pending);
        await ExpectAsync(TransportError.Disposed, () => listener.AcceptAsync(Limit).AsTask());
    }

    [Fact]
    public async Task Listener_Disposed_AcceptedConnectionsGoOn()
    {
        var pair = await ConnectPairAsync();

        await pair.Listener.DisposeAsync();

        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Listener_Disposed_ConnectionsThatNobodyTookAreClosed()
    {
        var listener = await ListenAsync();
        var client = await ConnectAsync(listener.LocalEndPoint);

        await listener.DisposeAsync();

        var closed = await client.Closed.WaitAsync(Limit);
        Assert.True(
            closed.Error is TransportError.ConnectionAborted or TransportError.ConnectionRefused, closed.ToString());
    }

    /// <summary>What the engine finds under the name localhost.</summary>
    protected virtual Task<IPAddress[]> ResolveLocalhostAsync() => Dns.GetHostAddressesAsync("localhost", Limit);

    /// <summary>An end point where nobody listens.</summary>
    protected virtual IPEndPoint FreeEndPoint()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    protected async Task EchoOnceAsync(Pair pair)
    {
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        await using (local)
        await using (remote)
        {
            var sent = RandomBytes(100);
            await local.WriteAsync(sent, endStream: true, Limit);
            var received = await ReadToEndAsync(remote);
            await remote.WriteAsync(received, endStream: true, Limit);
            Assert.Equal(sent, await ReadToEndAsync(local));
        }
    }
}
