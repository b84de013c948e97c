using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace RpcNet.EndToEnd.Tests;

/// <summary>
/// The sample as a systemd service of type notify: it recognizes its parent by the name "systemd", which a renamed shell has here,
/// and talks to a real notification socket.
/// </summary>
public sealed class SystemdTests
{
    [Fact(Timeout = 120_000)]
    public async Task Service_TellsSystemdWhenItIsReadyAndWhenItStops()
    {
        Engine.Require();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "systemd is Linux's.");
        using var folder = new TempFolder();
        using var notifications = Listen(folder);
        var port = Repository.FreePort();
        using var service = Start(folder, port);

        Assert.Contains("READY=1", await ReceiveAsync(notifications));
        // Ready means that the port is open.
        using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        {
            Assert.Equal(SocketError.AddressAlreadyInUse, Assert.Throws<SocketException>(() => socket.Bind(new IPEndPoint(IPAddress.Loopback, port))).SocketErrorCode);
        }

        var pid = await service.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        using (var kill = Process.Start("kill", ["-TERM", pid!]))
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        Assert.Contains("STOPPING=1", await ReceiveAsync(notifications));
        await service.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, service.ExitCode);
    }

    [Fact(Timeout = 120_000)]
    public async Task Service_ThatCannotStart_IsNeverReady()
    {
        Engine.Require();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "systemd is Linux's.");
        using var folder = new TempFolder();
        using var notifications = Listen(folder);
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var service = Start(folder, ((IPEndPoint)taken.LocalEndPoint!).Port);
        await service.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, service.ExitCode);
        while (notifications.Available > 0)
        {
            Assert.DoesNotContain("READY=1", await ReceiveAsync(notifications));
        }
    }

    private static Socket Listen(TempFolder folder)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder.Path, "notify")));
        return socket;
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[4096];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, limit.Token));
    }

    private static Process Start(TempFolder folder, int port)
    {
        var systemd = Path.Combine(folder.Path, "systemd");
        File.Copy("/bin/bash", systemd);
        var start = new ProcessStartInfo(systemd, ["-c", "export MANAGERPID=$$; \"$0\" --role director >log 2>&1 & echo $!; wait $!", Repository.SampleExecutable])
        {
            WorkingDirectory = folder.Path,
            RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_ENVIRONMENT"] = "Development";
        start.Environment["NOTIFY_SOCKET"] = Path.Combine(folder.Path, "notify");
        start.Environment["DIRECTOR_ADDR"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");
        start.Environment["RpcNet__Certificates__DevelopmentDirectory"] = Path.Combine(folder.Path, "certs");
        return Process.Start(start)!;
    }
}
