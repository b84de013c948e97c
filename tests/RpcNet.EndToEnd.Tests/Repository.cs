using System.Net;
using System.Net.Sockets;

namespace RpcNet.EndToEnd.Tests;

/// <summary>Where things are, and what is free.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>"Debug" or "Release": what these tests were built as.</summary>
    public static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    public static string SampleExecutable { get; } = Executable("samples", "ClusterTutorial");

    /// <summary>A loopback UDP port that nobody uses at this moment.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>What a project in <paramref name="folder"/> was built to.</summary>
    public static string Executable(string folder, string project) => Path.Combine(
        Root, folder, project, "bin", Configuration, "net10.0", OperatingSystem.IsWindows() ? $"{project}.exe" : project);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "RpcNet.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"RpcNet.sln is in no folder above {AppContext.BaseDirectory}.");
    }
}
