package main

// graph has the peers of each node, by number.
type graph [][]int

func graphOf(members []*member) graph {
	number := make(map[any]int, len(members))
	for i, m := range members {
		number[m.ex.ID()] = i
	}
	g := make(graph, len(members))
	for i, m := range members {
		for p := range m.ex.Peers() {
			if j, ok := number[p.ID()]; ok {
				g[i] = append(g[i], j)
			}
		}
	}
	return g
}

func (g graph) degrees() (mean float64, most int) {
	sum := 0
	for _, peers := range g {
		sum += len(peers)
		most = max(most, len(peers))
	}
	return float64(sum) / float64(len(g)), most
}

// clustering is the mean, over nodes with two peers or more, of the share of
// pairs of its peers that are peers of each other.
func (g graph) clustering() float64 {
	linked := make([]map[int]bool, len(g))
	for i, peers := range g {
		linked[i] = make(map[int]bool, len(peers))
		for _, j := range peers {
			linked[i][j] = true
		}
	}
	sum, nodes := 0.0, 0
	for _, peers := range g {
		pairs, closed := 0, 0
		for a, i := range peers {
			for _, j := range peers[a+1:] {
				pairs++
				if linked[i][j] {
					closed++
				}
			}
		}
		if pairs > 0 {
			sum += float64(closed) / float64(pairs)
			nodes++
		}
	}
	if nodes == 0 {
		return 0
	}
	return sum / float64(nodes)
}

// diameter is the longest of the shortest ways, among the nodes that node 0
// reaches; -1 if there are others.
func (g graph) diameter() int {
	longest := 0
	distance := make([]int, len(g))
	for from := range g {
		for i := range distance {
			distance[i] = -1
		}
		distance[from] = 0
		queue := []int{from}
		for k := 0; k < len(queue); k++ {
			for _, j := range g[queue[k]] {
				if distance[j] < 0 {
					distance[j] = distance[queue[k]] + 1
					queue = append(queue, j)
				}
			}
		}
		if len(queue) < len(g) {
			return -1
		}
		longest = max(longest, distance[queue[len(queue)-1]])
	}
	return longest
}

// largest is the share of the nodes that are not gone that the largest part
// of the graph has once the others are.
func (g graph) largest(gone func(node int) bool) float64 {
	seen := make([]bool, len(g))
	left, most := 0, 0
	for i := range g {
		seen[i] = gone(i)
		if !seen[i] {
			left++
		}
	}
	for from := range g {
		if seen[from] {
			continue
		}
		seen[from] = true
		queue := []int{from}
		for k := 0; k < len(queue); k++ {
			for _, j := range g[queue[k]] {
				if !seen[j] {
					seen[j] = true
					queue = append(queue, j)
				}
			}
		}
		most = max(most, len(queue))
	}
	if left == 0 {
		return 0
	}
	return float64(most) / float64(left)
}
