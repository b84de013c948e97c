using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Transports.Ngtcp2.Internal;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2;

/// <summary>The QUIC engine over libngtcp2 and GnuTLS, for Linux machines without libmsquic.</summary>
/// <remarks>
/// Each listener has a thread of its own, or as many as <see cref="Ngtcp2TransportOptions.IoThreads"/> says, for socket
/// I/O and protocol work; all outgoing connections of a transport share as many others. They end with what they serve. Continuations of the application run on its
/// synchronization context, or on the thread pool where there is none.
/// Certificates are judged on the thread pool while the handshake stands still: a client finishes it only when it accepts
/// the server, a listener confirms it only when it accepts the client. A refused client thus sees
/// <see cref="TransportError.AuthenticationFailed"/> from <see cref="ConnectAsync"/>; only towards another implementation
/// of QUIC may it learn of its refusal after it has connected, and then the connection closes with that error. A validator
/// must answer within the idle timeout, or the peer gives the handshake up.
/// A disposed listener keeps its socket while connections taken from it live; a new listener of this process may take the
/// address over meanwhile.
/// </remarks>
public sealed class Ngtcp2Transport : ITransport
{
    private readonly Ngtcp2TransportOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _timeProvider;
    private readonly byte[] _secret;
    private readonly ClientEndpoint _client;
    private int _judged;

    /// <summary>Creates the engine. It loads no library before it is used.</summary>
    /// <param name="options">The engine's own options; null takes the defaults.</param>
    /// <param name="loggerFactory">Where failed handshakes and defects are logged; null logs nothing.</param>
    /// <param name="timeProvider">The clock; it must run at the speed of real time. Null takes the system's.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public Ngtcp2Transport(
        Ngtcp2TransportOptions? options = null, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
    {
        _options = options ?? new Ngtcp2TransportOptions();
        _options.Validate();
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<Ngtcp2Transport>();
        _timeProvider = timeProvider ?? TimeProvider.System;
        _secret = _options.SecretKey.IsEmpty ? RandomNumberGenerator.GetBytes(32) : _options.SecretKey.ToArray();
        _client = new ClientEndpoint(_options, _secret, _logger, _timeProvider);
    }

    /// <summary>Whether the native libraries can be loaded on this machine.</summary>
    public static bool IsSupported => UnsupportedReason is null;

    /// <summary>Why the engine cannot run here and what to install; null when it can.</summary>
    public static string? UnsupportedReason => NativeLibraries.UnsupportedReason;

    /// <summary>The version that libngtcp2 reports, such as "1.11.0"; null when it is not loaded.</summary>
    public static string? LibraryVersion => NativeLibraries.Version;

    /// <inheritdoc/>
    public string Name => "Ngtcp2";

    /// <inheritdoc/>
    public bool CompletesOnCallersContext => true;

    /// <inheritdoc/>
    public bool SupportsEarlyData => true;

    /// <summary>Whether the I/O thread of outgoing connections runs.</summary>
    internal bool HasClientThread => _client.HasThread;

    /// <inheritdoc/>
    public ValueTask<ITransportListener> ListenAsync(
        TransportListenerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ITransportListener>(cancellationToken);
        }

        CheckLibrary();
        return new ValueTask<ITransportListener>(new Listener(options, _options, _secret, _logger, _timeProvider));
    }

    /// <inheritdoc/>
    public async ValueTask<ITransportConnection> ConnectAsync(
        TransportConnectOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        cancellationToken.ThrowIfCancellationRequested();
        CheckLibrary();
        return await _client.ConnectAsync(options, cancellationToken).ConfigureAwait(false);
    }

    private void CheckLibrary()
    {
        if (UnsupportedReason is { } reason)
        {
            throw new TransportException(TransportError.EngineUnavailable, reason);
        }

        if (Interlocked.Exchange(ref _judged, 1) == 0 && KnownVulnerability.Warning is { } warning)
        {
            Ngtcp2Log.Vulnerable(_logger, LibraryVersion, warning);
        }
    }
}
