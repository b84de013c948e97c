using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting.Certificates;
using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Transports;

/// <summary>
/// The secret behind stateless resets (RFC 9000 section 10.3), in a file so that it outlives a restart: peers of the process before
/// then learn at once that their connections are gone.
/// </summary>
/// <remarks>
/// Processes may share the file: each derives a key of its own from it by the address it listens on, since a key in use at two
/// endpoints would let one be asked for the resets of the other (RFC 9000 section 21.11).
/// </remarks>
internal sealed partial class ResetKeyFile(RpcNetSettings settings, IHostEnvironment environment, ILoggerFactory loggers)
{
    private const string FileName = "rpcnet-reset.key";
    private const int Length = 32;

    private readonly ILogger _logger = loggers.CreateLogger(HostingLog.Category);

    private string Setting => $"{settings.Section}:Transport:StatelessResetKeyPath";

    /// <summary>The key of this process; empty for a random one: it listens at no lasting address, or there is nowhere to keep it.</summary>
    /// <exception cref="RpcNetStartupException">The file that is configured cannot be used.</exception>
    public ReadOnlyMemory<byte> Load()
    {
        var addresses = settings.Options.Servers.Values.Select(static s => s.Listen.Address)
            .Prepend(settings.ListenAddress)
            .Where(static a => ClusterOptions.ParseEndPoint(a) is System.Net.IPEndPoint { Port: > 0 } or System.Net.DnsEndPoint { Port: > 0 })
            .ToList();
        if (addresses.Count == 0 || FindPath() is not { } path)
        {
            return default;
        }

        return ReadOrMake(path) is { } secret
            ? HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, Length, info: Encoding.UTF8.GetBytes($"{Environment.MachineName} {string.Join(' ', addresses)}"))
            : default;
    }

    /// <summary>Where the key is configured to be, or beside the certificate.</summary>
    private string? FindPath()
    {
        var root = environment.ContentRootPath;
        if (settings.Options.Transport.StatelessResetKeyPath is { Length: > 0 } configured)
        {
            return CertificateFiles.Resolve(root, configured);
        }

        var certificates = settings.Options.Certificates;
        var beside = certificates switch
        {
            { Path.Length: > 0 } => Path.GetDirectoryName(CertificateFiles.Resolve(root, certificates.Path)),
            { PfxPath.Length: > 0 } => Path.GetDirectoryName(CertificateFiles.Resolve(root, certificates.PfxPath)),
            _ when !certificates.IsSet && environment.IsDevelopment() => CertificateFiles.Resolve(root, certificates.DevelopmentDirectory),
            _ => null,
        };
        return beside is null ? null : Path.Combine(beside, FileName);
    }

    private byte[]? ReadOrMake(string path)
    {
        try
        {
            if (!File.Exists(path))
            {
                Make(path);
            }

            var secret = File.ReadAllBytes(path);
            return secret.Length == Length
                ? secret
                : throw new RpcNetStartupException($"{Setting} = '{path}': the file has {secret.Length} bytes and must have {Length}; delete it to have it made anew.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (settings.Options.Transport.StatelessResetKeyPath is { Length: > 0 })
            {
                throw new RpcNetStartupException($"{Setting} = '{path}': the file cannot be read or made ({CertificateFiles.Sentence(e)}); make it writable or name another.", e);
            }

            // Mounted certificates are read-only: what is lost is only that peers notice a restart at once.
            HostingLog.ResetKeyNotKept(_logger, path, Setting, CertificateFiles.Sentence(e));
            return null;
        }
    }

    private static void Make(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var file = new FileStream(temporary, options))
        {
            file.Write(RandomNumberGenerator.GetBytes(Length));
        }

        try
        {
            Publish(temporary, path);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another process was faster: its key is as good.
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    // On Unix File.Move looks and then renames, which would replace the key of a process that came between; a link does not.
    private static void Publish(string temporary, string path)
    {
        if (OperatingSystem.IsWindows())
        {
            File.Move(temporary, path, overwrite: false);
        }
        else if (Link(temporary, path) != 0)
        {
            throw new IOException($"link: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Link(string existing, string added);
}
