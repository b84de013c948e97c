using System.Collections.Concurrent;
using System.Net;

namespace RpcNet.Transports.Tests.Conformance;

public abstract partial class TransportConformance
{
    [Fact]
    public async Task Certificates_BothTrusted_EachSideSeesTheOther()
    {
        var pair = await ConnectPairAsync(new Settings
        {
            ClientCertificates = ClientCertificateMode.Required,
            ClientIdentity = () => Certificates.Client,
        });

        Assert.Equal(Certificates.Server.Certificate.Thumbprint, pair.Client.RemoteCertificate?.Thumbprint);
        Assert.Equal(Certificates.Client.Certificate.Thumbprint, pair.Server.RemoteCertificate?.Thumbprint);
        await EchoOnceAsync(pair);
    }

    [Theory]
    [InlineData("untrusted")]
    [InlineData("wrong name")]
    [InlineData("expired")]
    public async Task ServerCertificate_Bad_ConnectFailsAndNothingIsAccepted(string fault)
    {
        var identity = fault switch
        {
            "untrusted" => Certificates.UntrustedServer,
            "wrong name" => Certificates.WrongNameServer,
            _ => Certificates.ExpiredServer,
        };
        var current = identity;
        var listener = await ListenAsync(new Settings { ServerIdentity = _ => Volatile.Read(ref current) });

        var e = await ExpectAsync(TransportError.AuthenticationFailed, () => ConnectAsync(listener.LocalEndPoint));
        Assert.Contains(identity.Certificate.Subject, e.Message, StringComparison.Ordinal);

        Volatile.Write(ref current, Certificates.Server);
        await ExpectOnlyNextConnectionIsAcceptedAsync(listener);
    }

    [Fact]
    public async Task ServerCertificate_WithIntermediate_ChainIsSentAlong()
    {
        var pair = await ConnectPairAsync(new Settings { ServerIdentity = _ => Certificates.IntermediateServer });

        Assert.Equal(Certificates.IntermediateServer.Certificate.Thumbprint, pair.Client.RemoteCertificate?.Thumbprint);
    }

    [Fact]
    public async Task ServerCertificate_ChosenByServerName()
    {
        var names = new ConcurrentQueue<string?>();
        var settings = new Settings
        {
            ServerIdentity = name =>
            {
                names.Enqueue(name);
                return name == "other.test" ? Certificates.OtherServer : Certificates.Server;
            },
        };
        var listener = await ListenAsync(settings);
        var port = listener.LocalEndPoint.Port;

        var byAddress = await ConnectPairAsync(listener, listener.LocalEndPoint, settings);
        var byName = await ConnectPairAsync(listener, new DnsEndPoint("localhost", port), settings);
        var byOther = await ConnectPairAsync(listener, listener.LocalEndPoint, settings with { TargetHost = "other.test" });

        Assert.Equal(["", "localhost", "other.test"], names.Select(n => n ?? ""));
        Assert.DoesNotContain("", names);
        Assert.Equal(Certificates.Server.Certificate.Thumbprint, byAddress.Client.RemoteCertificate?.Thumbprint);
        Assert.Equal(Certificates.Server.Certificate.Thumbprint, byName.Client.RemoteCertificate?.Thumbprint);
        Assert.Equal(Certificates.OtherServer.Certificate.Thumbprint, byOther.Client.RemoteCertificate?.Thumbprint);
    }

    [Fact]
    public async Task ServerCertificate_NoneForTheName_HandshakeIsRefusedAndTheListenerGoesOn()
    {
        var settings = new Settings { ServerIdentity = name => name == "other.test" ? null : Certificates.Server };
        var listener = await ListenAsync(settings);

        await ExpectAsync(
            RefusalForWantOfAnIdentity,
            () => ConnectAsync(listener.LocalEndPoint, settings with { TargetHost = "other.test" }));

        await ExpectOnlyNextConnectionIsAcceptedAsync(listener);
    }

    [Fact]
    public async Task ServerCertificate_Replaced_NextHandshakeUsesTheNewOne()
    {
        var current = Certificates.Server;
        var listener = await ListenAsync(new Settings { ServerIdentity = _ => Volatile.Read(ref current) });
        var before = await ConnectPairAsync(listener, listener.LocalEndPoint);
        var replacement = Certificates.IssueServer("localhost");
        Volatile.Write(ref current, replacement);

        var after = await ConnectPairAsync(listener, listener.LocalEndPoint);

        Assert.Equal(Certificates.Server.Certificate.Thumbprint, before.Client.RemoteCertificate?.Thumbprint);
        Assert.Equal(replacement.Certificate.Thumbprint, after.Client.RemoteCertificate?.Thumbprint);
        await EchoOnceAsync(before);
    }

    [Fact]
    public async Task ServerCertificate_Validator_SeesTheTargetAndTheReasonReachesTheCaller()
    {
        PeerCertificateContext? seen = null;
        var listener = await ListenAsync();
        var settings = new Settings
        {
            TargetHost = "localhost",
            ValidateServer = context =>
            {
                seen = context;
                return "not to my taste";
            },
        };

        var e = await ExpectAsync(
            TransportError.AuthenticationFailed, () => ConnectAsync(listener.LocalEndPoint, settings));

        Assert.Contains("not to my taste", e.Message, StringComparison.Ordinal);
        Assert.Equal("localhost", seen?.TargetHost);
        Assert.Equal(listener.LocalEndPoint, seen?.RemoteEndPoint);
    }

    [Theory]
    [InlineData(ClientCertificateMode.Requested)]
    [InlineData(ClientCertificateMode.Required)]
    public async Task ClientCertificate_Trusted_IsSeenByTheServer(ClientCertificateMode mode)
    {
        PeerCertificateContext? seen = null;
        var pair = await ConnectPairAsync(new Settings
        {
            ClientCertificates = mode,
            ClientIdentity = () => Certificates.Client,
            ValidateClient = context =>
            {
                seen = context;
                return Certificates.Trust(context);
            },
        });

        Assert.Equal(Certificates.Client.Certificate.Thumbprint, pair.Server.RemoteCertificate?.Thumbprint);
        Assert.Null(seen?.TargetHost);
        Assert.Equal(pair.Client.LocalEndPoint, seen?.RemoteEndPoint);
    }

    [Fact]
    public async Task ClientCertificate_RequestedAndAbsent_IsAccepted()
    {
        var pair = await ConnectPairAsync(new Settings { ClientCertificates = ClientCertificateMode.Requested });

        Assert.Null(pair.Server.RemoteCertificate);
        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task ClientCertificate_NotAskedFor_IsNotSeen()
    {
        var pair = await ConnectPairAsync(new Settings
        {
            ClientCertificates = ClientCertificateMode.None,
            ClientIdentity = () => Certificates.Client,
            ValidateClient = _ => "must not be asked",
        });

        Assert.Null(pair.Server.RemoteCertificate);
        await EchoOnceAsync(pair);
    }

    [Theory]
    [InlineData(ClientCertificateMode.Required, "absent")]
    [InlineData(ClientCertificateMode.Required, "untrusted")]
    [InlineData(ClientCertificateMode.Required, "expired")]
    [InlineData(ClientCertificateMode.Required, "a server's")]
    [InlineData(ClientCertificateMode.Requested, "untrusted")]
    [InlineData(ClientCertificateMode.Requested, "expired")]
    [InlineData(ClientCertificateMode.Requested, "no validator")]
    public async Task ClientCertificate_Bad_ConnectionIsRefusedAndNothingIsAccepted(ClientCertificateMode mode, string fault)
    {
        var settings = new Settings
        {
            ClientCertificates = mode,
            ValidateClient = fault == "no validator" ? null : Certificates.Trust,
            ClientIdentity = () => fault switch
            {
                "absent" => null,
                "untrusted" => Certificates.UntrustedClient,
                "expired" => Certificates.ExpiredClient,
                "a server's" => Certificates.Server,
                _ => Certificates.Client,
            },
        };
        var listener = await ListenAsync(settings);

        await ExpectRejectedByServerAsync(() => ConnectAsync(listener.LocalEndPoint, settings));

        var good = settings with { ClientIdentity = fault == "no validator" ? null : () => Certificates.Client };
        await ExpectOnlyNextConnectionIsAcceptedAsync(listener, good);
    }

    [Fact]
    public async Task ClientCertificate_ValidatorNeverReturns_ThatHandshakeEndsInTimeAndOthersAreServed()
    {
        Assert.SkipUnless(JudgesOnThreadsOfItsOwn, "this engine asks validators on the caller's thread");
        using var release = new ManualResetEventSlim();
        var asked = 0;
        var settings = new Settings { ClientIdentity = () => Certificates.Client };
        var listener = await ListenAsync(settings with
        {
            HandshakeTimeout = TimeSpan.FromSeconds(3),
            ValidateClient = context =>
            {
                if (Interlocked.Increment(ref asked) == 1)
                {
                    release.Wait(TestLimit);
                }

                return Certificates.Trust(context);
            },
        });
        try
        {
            var hanging = FailureOfAsync(() => ConnectAsync(listener.LocalEndPoint, settings));
            await WaitForAsync(() => Volatile.Read(ref asked) > 0, "the validator's call");

            await ExpectOnlyNextConnectionIsAcceptedAsync(listener, settings);
            await hanging.WaitAsync(Limit);

            Assert.False(release.IsSet);
        }
        finally
        {
            release.Set();
        }

        await ExpectOnlyNextConnectionIsAcceptedAsync(listener, settings);
    }

    [Fact]
    public async Task ClientCertificate_Replaced_NextConnectUsesTheNewOne()
    {
        var current = Certificates.Client;
        var settings = new Settings { ClientIdentity = () => Volatile.Read(ref current) };
        var listener = await ListenAsync(settings);
        await ConnectPairAsync(listener, listener.LocalEndPoint, settings);
        current = Certificates.IssueClient("client renewed");

        var after = await ConnectPairAsync(listener, listener.LocalEndPoint, settings);

        Assert.Equal(current.Certificate.Thumbprint, after.Server.RemoteCertificate?.Thumbprint);
    }

    /// <summary>Whether a validator that blocks keeps nobody but its own peer waiting.</summary>
    protected virtual bool JudgesOnThreadsOfItsOwn => true;

    /// <summary>What a client sees of a server that has no certificate for the name.</summary>
    protected virtual TransportError[] RefusalForWantOfAnIdentity => [TransportError.AuthenticationFailed];

    // TLS 1.3: the client's handshake is complete before the server has judged its certificate (RFC 8446 section 4.4.2),
    // so the rejection comes from the connect or closes the connection right after it.
    private async Task ExpectRejectedByServerAsync(Func<Task<ITransportConnection>> connect)
    {
        var rejection = await FailureOfAsync(connect);
        Assert.True(rejection.Error == TransportError.AuthenticationFailed, rejection.ToString());
    }

    private async Task<TransportException> FailureOfAsync(Func<Task<ITransportConnection>> connect)
    {
        try
        {
            var connection = await connect();
            return await connection.Closed.WaitAsync(Limit);
        }
        catch (TransportException e)
        {
            return e;
        }
    }

    private async Task ExpectOnlyNextConnectionIsAcceptedAsync(ITransportListener listener, Settings? settings = null)
    {
        var pair = await ConnectPairAsync(listener, listener.LocalEndPoint, settings);
        Assert.Equal(pair.Client.LocalEndPoint, pair.Server.RemoteEndPoint);
        await EchoOnceAsync(pair);
    }
}
